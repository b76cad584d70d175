package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
)

// The AWS tools' files of settings.
func configPath() string      { return settingsPath("AWS_CONFIG_FILE", "config") }
func credentialsPath() string { return settingsPath("AWS_SHARED_CREDENTIALS_FILE", "credentials") }

func settingsPath(variable, name string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	home, _ := os.UserHomeDir() // without one the path is relative, and the file not there
	return filepath.Join(home, ".aws", name)
}

// inConfig returns a profile's section in the config file; in the credentials file it is its name.
func inConfig(profile string) string {
	if profile == "default" {
		return profile
	}
	return "profile " + profile
}

// readProfile reads a profile as the AWS tools do: keys of the credentials file go before those of the config file. It
// reads a key that stands there, and not one that would have to be fetched.
func readProfile(name string) (Connection, error) {
	config, err := openINI(configPath())
	if err != nil {
		return Connection{}, err
	}
	credentials, err := openINI(credentialsPath())
	if err != nil {
		return Connection{}, err
	}
	settings, inOne := config.get(inConfig(name))
	keys, inOther := credentials.get(name)
	if !inOne && !inOther {
		return Connection{}, mistyped("there is no profile %q in %s or %s", name, config.path, credentials.path)
	}
	pick := func(key string) string { return cmp.Or(keys[key], settings[key]) }
	return Connection{
		Endpoint: pick("endpoint_url"), Region: cmp.Or(pick("region"), "us-east-1"), CAFile: pick("ca_bundle"),
		AccessKeyID:     pick("aws_access_key_id"),
		SecretAccessKey: pick("aws_secret_access_key"),
		SessionToken:    pick("aws_session_token"),
	}, nil
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9._@+-]{1,64}$`)

func (a *app) configureCommand() *cobra.Command {
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "configure [--profile NAME]",
		Short: "Write a profile for AWS tools that leads to Postern",
		Long: "Write a profile (\"postern\" where --profile names no other) into the AWS tools' files of settings,\n" +
			"with the server's address, CA, region and root key: aws --profile NAME, and AWS_PROFILE=NAME for\n" +
			"SDKs, Terraform and postern itself. All else in these files stays as it is. The files are\n" +
			"~/.aws/config and ~/.aws/credentials, or those that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE\n" +
			"name. Every start with another data directory has another key: configure it again, or use postern\n" +
			"env.",
		Example: "  postern configure --profile lab\n" +
			"  aws --profile lab ssm describe-instance-information\n" +
			"  AWS_PROFILE=lab postern status",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			name := cmp.Or(a.profile, "postern")
			a.profile = "" // the name to write, not the one to find the server by
			if !profileName.MatchString(name) {
				return mistyped("--profile %q: must be 1-64 letters, digits, dots, dashes, underscores, @ or +", name)
			}
			c, err := a.connection()
			if err != nil {
				return err
			}
			if err := writeProfile(name, c, overwrite); err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{
					"profile": name, "config": configPath(), "credentials": credentialsPath(),
				})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "profile %s leads to %s: aws --profile %s ssm describe-instance-information\n", name,
				c.Endpoint, name)
			a.warn(cmd, c)
			return nil
		},
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "change a profile that leads elsewhere")
	return cmd
}

// writeProfile puts a connection into a profile. One that leads elsewhere is somebody's.
func writeProfile(name string, c Connection, overwrite bool) error {
	config, err := openINI(configPath())
	if err != nil {
		return err
	}
	credentials, err := openINI(credentialsPath())
	if err != nil {
		return err
	}
	old, inOne := config.get(inConfig(name))
	_, inOther := credentials.get(name)
	if (inOne || inOther) && old["endpoint_url"] == "" && !overwrite {
		return mistyped("profile %q is there and leads to AWS: choose another --profile, or change it with --overwrite", name)
	}
	config.set(inConfig(name), setting{"endpoint_url", c.Endpoint}, setting{"region", c.Region},
		setting{"ca_bundle", c.CAFile})
	credentials.set(name, setting{"aws_access_key_id", c.AccessKeyID}, setting{"aws_secret_access_key", c.SecretAccessKey},
		setting{"aws_session_token", c.SessionToken})
	// The keys first: a profile without them fails, one with another's address and these would send them there.
	if err := credentials.save(); err != nil {
		return err
	}
	return config.save()
}
