package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"postern/doctor"
)

const doctorName = "doctor"

// exitNotJudged ends doctor where something could not be judged and nothing that was is broken.
const exitNotJudged = 3

// notJudgedError says what kept doctor from looking.
type notJudgedError struct{ err error }

func (e *notJudgedError) Error() string { return e.err.Error() }
func (e *notJudgedError) Unwrap() error { return e.err }

// doctorFlags hold what `postern doctor` was told.
type doctorFlags struct {
	selection doctor.Selection
	features  []string
	region    string
	save      string
	from      string
	redact    bool
	whole     bool
	terraform bool
}

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   doctorName + " [NODE … | --vpc VPC | --all]",
		Short: "Say what is missing for private access to Systems Manager, and what would mend it",
		Long: "Say what keeps nodes (i-…, mi-…), all nodes of a VPC or all of a region from Systems Manager over\n" +
			"private endpoints, and what would mend it. It reads the EC2, IAM, Systems Manager, STS and Route 53\n" +
			"Resolver APIs, and changes nothing: those of the Postern that the other commands ask or, where none\n" +
			"is set up, Amazon's with your own AWS credentials. --save keeps what they answered in a file, which\n" +
			"--from reads instead of asking.\n\n" +
			"With --output sarif the findings are written as code scanners do, with junit as a suite of tests.\n\n" +
			"Exit codes: 0 nothing stands in the way, 1 something is broken, 2 mistyped, 3 something could not be\n" +
			"judged.",
		Example: "  postern doctor --all\n" +
			"  postern doctor --vpc vpc-0123456789abcdef0 --features session-manager,kms\n" +
			"  postern doctor i-0123456789abcdef0 --profile work --save answers.json\n" +
			"  postern doctor --from answers.json --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.selection.Nodes = args
			return a.doctor(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.selection.VPCs, "vpc", nil, "VPC whose nodes are looked at; may be given several times")
	flags.BoolVar(&f.selection.All, "all", false, "look at all nodes of the region")
	flags.StringSliceVar(&f.features, "features", nil, "what has to work beside Run Command: "+featureNames())
	flags.StringVar(&f.region, "region", "", "region that is looked at (default the one of the configuration)")
	flags.StringVar(&f.save, "save", "", "file that keeps what the APIs answer: networks, instances with their tags, "+
		"managed nodes, roles and policies; no credentials")
	flags.BoolVar(&f.redact, "redact", false, "with --save: put other numbers in place of those of accounts")
	flags.StringVar(&f.from, "from", "", "file of answers to read in place of asking")
	flags.BoolVar(&f.terraform, "terraform", false, "print what mends as Terraform in place of commands")
	flags.BoolVar(&f.whole, "explain", false, "print the whole reasoning about each node")
	cmd.ValidArgsFunction = a.nodeValues
	_ = cmd.RegisterFlagCompletionFunc("features", func( // the flag has just been defined
		*cobra.Command, []string, string,
	) ([]string, cobra.ShellCompDirective) {
		return strings.Split(featureNames(), ", "), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func featureNames() string {
	var names []string
	for _, f := range doctor.Features() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// chosen counts the ways in which it is said what to look at.
func (f *doctorFlags) chosen() (n int) {
	for _, given := range []bool{len(f.selection.Nodes) > 0, len(f.selection.VPCs) > 0, f.selection.All} {
		if given {
			n++
		}
	}
	return n
}

// check refuses what does not go together.
func (f *doctorFlags) check() ([]doctor.Feature, error) {
	switch chosen := f.chosen(); {
	case chosen == 0 && f.from == "":
		return nil, mistyped("look at what? Name nodes, a VPC or all: postern doctor NODE …, --vpc VPC or --all")
	case chosen > 1:
		return nil, mistyped("nodes, --vpc and --all each say what to look at: give one of them")
	case f.save != "" && f.from != "":
		return nil, mistyped("--save keeps what is asked for, and --from asks for nothing: give one of them")
	case f.redact && f.save == "":
		return nil, mistyped("--redact is about the file of --save: give that too")
	}
	wanted, err := doctor.ParseFeatures(f.features)
	if err != nil {
		return nil, &usageError{err: err}
	}
	return wanted, nil
}

func (a *app) doctor(cmd *cobra.Command, f doctorFlags) error {
	wanted, err := f.check()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	survey, err := a.survey(ctx, &f)
	if err != nil {
		return &notJudgedError{err}
	}
	x, err := survey.Examine(ctx, wanted, nil)
	if err != nil {
		return &notJudgedError{err}
	}
	if err := a.printExamination(cmd.OutOrStdout(), x, &f); err != nil {
		return err
	}
	switch x.Outcome {
	case doctor.Broken:
		return errSilent
	case doctor.Unknown:
		return ended(exitNotJudged)
	}
	return nil
}

// survey reads the facts: from the APIs, and keeps their answers where that is asked for, or from a file of them.
func (a *app) survey(ctx context.Context, f *doctorFlags) (*doctor.Survey, error) {
	if f.from != "" {
		return recorded(ctx, f)
	}
	config, err := a.doctorConfig(ctx, f.region)
	if err != nil {
		return nil, err
	}
	recorder := doctor.NewRecorder(config.HTTPClient, config.Region, f.selection, time.Now())
	if f.save != "" {
		config.HTTPClient = recorder
	}
	survey, err := doctor.ReadAll(ctx, doctor.NewClients(config), config.Region, f.selection)
	if err != nil || f.save == "" {
		return survey, err
	}
	recording := recorder.Recording()
	if f.redact {
		recording.Redact()
	}
	return survey, replaceFile(f.save, 0o600, recording) // only its owner may read it
}

// recorded reads the facts from a file of answers.
func recorded(ctx context.Context, f *doctorFlags) (*doctor.Survey, error) {
	file, err := os.Open(f.from)
	if err != nil {
		return nil, mistyped("--from: %w", err)
	}
	defer file.Close()
	recording, err := doctor.ReadRecording(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.from, err)
	}
	clients := doctor.NewClients(aws.Config{
		Region: recording.Region, HTTPClient: recording, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("none", "none", ""),
	})
	clients.Now = func() time.Time { return recording.At }
	survey, err := doctor.ReadAll(ctx, clients, recording.Region, recording.Of)
	if err != nil || f.chosen() == 0 {
		return survey, err
	}
	return survey, survey.Only(f.selection)
}

func (a *app) printExamination(out io.Writer, x *doctor.Examination, f *doctorFlags) error {
	switch a.output {
	case "json":
		return json.NewEncoder(out).Encode(x)
	case "sarif":
		return x.WriteSARIF(out)
	case "junit":
		return x.WriteJUnit(out)
	}
	if f.whole {
		for i := range x.Nodes {
			if _, err := fmt.Fprintln(out, x.Nodes[i].Report); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprint(out, x.Text(f.terraform))
	return err
}

// doctorConfig is that of the Postern which the other commands ask or, where none is set up, the AWS SDK's own.
func (a *app) doctorConfig(ctx context.Context, region string) (config aws.Config, err error) {
	c, err := a.connection()
	var none *noConnectionError
	var typed *usageError
	switch {
	case err == nil:
		config, err = c.config()
	case errors.As(err, &none), a.profile != "" && errors.As(err, &typed):
		config, err = amazon(ctx, a.profile)
	}
	if err != nil {
		return config, err
	}
	config.Region = cmp.Or(region, config.Region)
	if config.HTTPClient == nil {
		config.HTTPClient = http.DefaultClient
	}
	if config.Region == "" {
		return config, mistyped("no region is configured: give one with --region")
	}
	return config, nil
}

// amazon is the AWS SDK's ordinary configuration, of a profile where one is named.
func amazon(ctx context.Context, profile string) (aws.Config, error) {
	var options []func(*awsconfig.LoadOptions) error
	if profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(profile))
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return config, err
	}
	if _, err := config.Credentials.Retrieve(ctx); err != nil {
		return config, fmt.Errorf("no Postern is set up, and there are no AWS credentials: start one with postern up, or "+
			"set AWS_PROFILE or AWS_ACCESS_KEY_ID, or log in with aws sso login (%w)", err)
	}
	return config, nil
}
