# What somebody applies who has only a user's key: the provider assumes a role with it.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "role" {
  type = string
}

variable "external_id" {
  type    = string
  default = "harbour"
}

variable "parameter" {
  type    = string
  default = "/deployed/version"
}

provider "aws" {
  assume_role {
    role_arn     = var.role
    session_name = "terraform"
    external_id  = var.external_id
  }
}

data "aws_caller_identity" "me" {}

resource "aws_ssm_parameter" "version" {
  name  = var.parameter
  type  = "String"
  value = "1"
}

output "me" {
  value = data.aws_caller_identity.me.arn
}
