# How an instance is usually launched: the image by a public parameter, a type of some size, a key pair.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "type" {
  default = "t3.xlarge"
}

variable "public_key" {}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "aws_ami" "image" {
  owners = ["self"]
  filter {
    name   = "image-id"
    values = [data.aws_ssm_parameter.image.value]
  }
}

data "aws_ec2_instance_type" "this" {
  instance_type = var.type
}

data "aws_ec2_instance_types" "large" {
  filter {
    name   = "burstable-performance-supported"
    values = ["true"]
  }
  filter {
    name   = "memory-info.size-in-mib"
    values = ["16384"]
  }
}

data "aws_ec2_instance_type_offerings" "here" {
  location_type = "availability-zone"
  filter {
    name   = "instance-type"
    values = [var.type]
  }
}

resource "aws_default_vpc" "this" {}

resource "aws_key_pair" "deployer" {
  key_name   = "deployer"
  public_key = var.public_key
  tags       = { Name = "deployer" }
}

data "aws_key_pair" "deployer" {
  key_name           = aws_key_pair.deployer.key_name
  include_public_key = true
}

resource "aws_instance" "this" {
  ami           = data.aws_ssm_parameter.image.insecure_value
  instance_type = data.aws_ec2_instance_type.this.instance_type
  key_name      = aws_key_pair.deployer.key_name
  depends_on    = [aws_default_vpc.this]
}

output "seen" {
  value = {
    "the image"       = data.aws_ami.image.name == "al2023"
    "the type"        = data.aws_ec2_instance_type.this.default_vcpus == 4 && data.aws_ec2_instance_type.this.memory_size == 16384
    "types by memory" = contains(data.aws_ec2_instance_types.large.instance_types, var.type)
    "the offerings"   = length(data.aws_ec2_instance_type_offerings.here.locations) == 6
    "the key's tag"   = data.aws_key_pair.deployer.tags["Name"] == "deployer"
    "the fingerprint" = data.aws_key_pair.deployer.fingerprint == aws_key_pair.deployer.fingerprint
    "the public half" = startswith(data.aws_key_pair.deployer.public_key, trimspace(join(" ", slice(split(" ", var.public_key), 0, 2))))
    "the instance"    = aws_instance.this.instance_state == "running" && aws_instance.this.key_name == "deployer"
  }
}
