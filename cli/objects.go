package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
)

// The environment variables that may hold the credentials of an S3 service.
const (
	s3KeyVariable    = "POSTERN_S3_ACCESS_KEY_ID"
	s3SecretVariable = "POSTERN_S3_SECRET_ACCESS_KEY" //nolint:gosec // its name
	s3TokenVariable  = "POSTERN_S3_SESSION_TOKEN"     //nolint:gosec // its name
)

// addS3 defines the flags of an S3 service that keeps objects.
func (f *serverFlags) addS3(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.s3.Endpoint, "s3-endpoint", "",
		"S3 service that keeps the objects of S3, https://HOST[:PORT], with its key in "+s3KeyVariable+" and "+
			s3SecretVariable+" or in --s3-credentials (default postern-s3, in the data directory)")
	cmd.Flags().StringVar(&f.s3.CredentialsFile, "s3-credentials", "",
		"file with the service's key, as the AWS CLI has it in ~/.aws/credentials: the first profile counts")
	cmd.Flags().StringVar(&f.s3.Region, "s3-region", "", "the service's region (default us-east-1)")
	cmd.Flags().StringVar(&f.s3.BucketPrefix, "s3-bucket-prefix", "postern-",
		"what the names of Postern's buckets begin with there")
}

// externalS3 returns the S3 service that keeps objects. Its key comes from the environment, and leaves it, which the
// processes that this one starts inherit.
func (f *serverFlags) externalS3() (ExternalS3, error) {
	e := f.s3
	for variable, to := range map[string]*string{
		s3KeyVariable: &e.AccessKey, s3SecretVariable: &e.Secret, s3TokenVariable: &e.Token,
	} {
		*to = os.Getenv(variable)
		if err := os.Unsetenv(variable); err != nil {
			return e, err
		}
	}
	if e.Endpoint == "" && cmp.Or(e.CredentialsFile, e.Region) != "" {
		return e, mistyped("--s3-credentials and --s3-region are of the service that --s3-endpoint names, which is missing")
	}
	return e, nil
}
