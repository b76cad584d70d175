package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ec2"
)

func (a *app) imageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Manage the root file systems that instances start from"}
	cmd.AddCommand(&cobra.Command{
		Use:   "import NAME PATH",
		Short: "Register a directory or tar archive of a root file system as an AMI",
		Long: "Register a directory or tar archive (.tar, .tar.gz) of a root file system as an AMI. Postern reads PATH on\n" +
			"the host that it runs on and copies it into its data directory.",
		Example: "  postern image import debian-12 ./rootfs.tar\n  aws ec2 run-instances --image-id ami-…",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			made, err := cl.ec2.RegisterImage(cmd.Context(), &ec2.RegisterImageInput{Name: &args[0], ImageLocation: &path})
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"image_id": aws.ToString(made.ImageId)})
			}
			fmt.Fprintln(cmd.OutOrStdout(), aws.ToString(made.ImageId))
			return nil
		},
	})
	return cmd
}
