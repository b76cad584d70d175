// Package terraform applies to Postern what engineers apply to AWS, with the unmodified Terraform AWS provider. Each
// folder of testdata is a configuration that names nothing of Postern but its image.
package terraform
