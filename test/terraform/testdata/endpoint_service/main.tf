# A service of one's own in one VPC, and an endpoint to it in another: what stands where AWS has a load balancer's ARN is the
# ARN of a target, and nothing else differs.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "ports" {
  type    = list(number)
  default = [5432]
}

variable "name" {
  type    = string
  default = null
}

data "aws_region" "here" {}
data "aws_caller_identity" "me" {}

locals {
  targets = "arn:aws:postern:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:target"
}

resource "aws_vpc" "provider" {
  cidr_block = "10.40.0.0/16"
}

resource "aws_subnet" "provider" {
  vpc_id            = aws_vpc.provider.id
  cidr_block        = "10.40.1.0/24"
  availability_zone = "us-east-1a"
}

resource "aws_network_interface" "db" {
  subnet_id = aws_subnet.provider.id
}

resource "aws_vpc_endpoint_service" "db" {
  acceptance_required        = true
  network_load_balancer_arns = [for p in var.ports : "${local.targets}/${p}/network-interface/${aws_network_interface.db.id}/5432/proxy-protocol-v2"]
  private_dns_name           = var.name
  tags                       = { Name = "db" }
}

resource "aws_vpc_endpoint_service_allowed_principal" "db" {
  for_each                = toset(["root", "role/consumer"])
  vpc_endpoint_service_id = aws_vpc_endpoint_service.db.id
  principal_arn           = "arn:aws:iam::111122223333:${each.key}"
}

resource "aws_vpc_endpoint_connection_notification" "db" {
  vpc_endpoint_service_id     = aws_vpc_endpoint_service.db.id
  connection_notification_arn = "arn:aws:sns:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:endpoints"
  connection_events           = ["Accept", "Reject"]
}

resource "aws_vpc" "consumer" {
  cidr_block = "10.40.0.0/16"
}

resource "aws_subnet" "consumer" {
  vpc_id            = aws_vpc.consumer.id
  cidr_block        = "10.40.1.0/24"
  availability_zone = "us-east-1a"
}

resource "aws_security_group" "db" {
  name   = "db"
  vpc_id = aws_vpc.consumer.id
  ingress {
    protocol    = "tcp"
    from_port   = 5432
    to_port     = 5432
    cidr_blocks = [aws_vpc.consumer.cidr_block]
  }
}

data "aws_vpc_endpoint_service" "db" {
  service_name = aws_vpc_endpoint_service.db.service_name
}

resource "aws_vpc_endpoint" "db" {
  vpc_id             = aws_vpc.consumer.id
  service_name       = data.aws_vpc_endpoint_service.db.service_name
  vpc_endpoint_type  = "Interface"
  subnet_ids         = [aws_subnet.consumer.id]
  security_group_ids = [aws_security_group.db.id]
}

resource "aws_vpc_endpoint_connection_accepter" "db" {
  vpc_endpoint_service_id = aws_vpc_endpoint_service.db.id
  vpc_endpoint_id         = aws_vpc_endpoint.db.id
}

output "state" {
  value = aws_vpc_endpoint_connection_accepter.db.vpc_endpoint_state
}

output "ids" {
  value = {
    "aws_vpc_endpoint_service.db"                 = aws_vpc_endpoint_service.db.id
    "aws_vpc_endpoint_connection_notification.db" = aws_vpc_endpoint_connection_notification.db.id
  }
}
