package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
)

func (a *app) imageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Manage the root file systems that instances start from"}
	group(cmd)
	cmd.AddCommand(a.imageImportCommand(), a.imageListCommand())
	return cmd
}

func (a *app) imageImportCommand() *cobra.Command {
	var public []string
	cmd := &cobra.Command{
		Use:   "import NAME PATH",
		Short: "Register a directory or tar archive of a root file system as an AMI",
		Long: "Register a directory or tar archive (.tar, .tar.gz) of a root file system as an AMI. Postern reads\n" +
			"PATH on the host that it runs on and copies it into its data directory. With --as, the public\n" +
			"parameters of that name have its id, as aws ssm get-parameter and Terraform's aws_ssm_parameter look\n" +
			"it up.",
		Example: "  postern image import debian-12 ./rootfs.tar\n" +
			"  postern image import al2023 ./al2023.tar --as " +
			"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64\n" +
			"  aws ec2 run-instances --image-id ami-…",
		Args: takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			made, err := cl.ec2.RegisterImage(cmd.Context(), &ec2.RegisterImageInput{
				Name: &args[0], ImageLocation: &path, TagSpecifications: publicTags(public),
			})
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"image_id": aws.ToString(made.ImageId)})
			}
			fmt.Fprintln(cmd.OutOrStdout(), aws.ToString(made.ImageId))
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&public, "as", nil,
		"public parameter, below /aws/service/, that is to have the image's id; may be given several times")
	return cmd
}

// image is one that instances can start from.
type image struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	State   string `json:"state"`
	Created string `json:"created"`
}

func (a *app) imageListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the images that instances can start from",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			out, err := cl.ec2.DescribeImages(cmd.Context(), &ec2.DescribeImagesInput{})
			if err != nil {
				return err
			}
			images := []image{}
			for _, i := range out.Images {
				images = append(images,
					image{aws.ToString(i.ImageId), aws.ToString(i.Name), string(i.State), aws.ToString(i.CreationDate)})
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(images)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "IMAGE\tNAME\tSTATE\tCREATED")
			for _, i := range images {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.ID, plainLine(i.Name), i.State, i.Created)
			}
			return w.Flush()
		},
	}
}

// publicTags tell Postern the public parameters that an image is to be known as.
func publicTags(names []string) []types.TagSpecification {
	if len(names) == 0 {
		return nil
	}
	return []types.TagSpecification{{
		ResourceType: types.ResourceTypeImage,
		Tags: []types.Tag{
			{Key: aws.String("postern:public-parameters"), Value: aws.String(strings.Join(names, " "))},
		},
	}}
}
