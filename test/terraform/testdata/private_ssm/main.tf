# Private access to Systems Manager, as it is applied to AWS: nodes without any road to the Internet, and the VPC
# endpoints that they need.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  default_tags {
    tags = { Project = var.name }
  }
}

variable "name" {
  type    = string
  default = "private-ssm"
}

variable "greeting" {
  type    = string
  default = "hello from the parameter store"
}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  zones = slice(data.aws_availability_zones.available.names, 0, 2)
}
