# DNS between a VPC and a company's own network: an inbound endpoint, an outbound one with rules, and what looks them up.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "zones" {
  type    = map(string)
  default = { a = "10.40.1.0/24", b = "10.40.2.0/24" }
}

variable "dns_servers" {
  type    = list(string)
  default = ["192.0.2.53"]
}

variable "name" {
  type    = string
  default = "company"
}

# Endpoints have an address in these zones.
variable "in_zones" {
  type    = list(string)
  default = ["a", "b"]
}

resource "aws_vpc" "this" {
  cidr_block           = "10.40.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "other" {
  cidr_block = "10.41.0.0/16"
}

resource "aws_subnet" "this" {
  for_each          = var.zones
  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value
  availability_zone = "us-east-1${each.key}"
}

resource "aws_security_group" "dns" {
  name_prefix = "dns-"
  vpc_id      = aws_vpc.this.id

  dynamic "ingress" {
    for_each = ["udp", "tcp"]
    content {
      protocol    = ingress.value
      from_port   = 53
      to_port     = 53
      cidr_blocks = ["10.0.0.0/8"]
    }
  }

  dynamic "egress" {
    for_each = ["udp", "tcp"]
    content {
      protocol    = egress.value
      from_port   = 53
      to_port     = 53
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_route53_resolver_endpoint" "inbound" {
  name               = "${var.name} in"
  direction          = "INBOUND"
  security_group_ids = [aws_security_group.dns.id]

  dynamic "ip_address" {
    for_each = var.in_zones
    content {
      subnet_id = aws_subnet.this[ip_address.value].id
      ip        = cidrhost(var.zones[ip_address.value], 53)
    }
  }

  tags = { way = "in" }
}

resource "aws_route53_resolver_endpoint" "outbound" {
  name                   = "${var.name} out"
  direction              = "OUTBOUND"
  security_group_ids     = [aws_security_group.dns.id]
  resolver_endpoint_type = "IPV4"
  protocols              = ["Do53"]

  dynamic "ip_address" {
    for_each = var.in_zones
    content {
      subnet_id = aws_subnet.this[ip_address.value].id
    }
  }

  depends_on = [aws_route53_resolver_endpoint.inbound] # whose addresses it might draw
}

resource "aws_route53_resolver_rule" "company" {
  name                 = var.name
  domain_name          = "corp.example"
  rule_type            = "FORWARD"
  resolver_endpoint_id = aws_route53_resolver_endpoint.outbound.id

  dynamic "target_ip" {
    for_each = var.dns_servers
    content {
      ip = target_ip.value
    }
  }

  tags = { owner = var.name }
}

resource "aws_route53_resolver_rule" "laboratory" {
  domain_name = "lab.corp.example"
  rule_type   = "SYSTEM"
}

resource "aws_route53_resolver_rule_association" "this" {
  for_each         = { this = aws_vpc.this.id, other = aws_vpc.other.id }
  name             = each.key
  resolver_rule_id = aws_route53_resolver_rule.company.id
  vpc_id           = each.value
}

resource "aws_route53_resolver_rule_association" "laboratory" {
  resolver_rule_id = aws_route53_resolver_rule.laboratory.id
  vpc_id           = aws_vpc.this.id
}

data "aws_route53_resolver_endpoint" "inbound" {
  resolver_endpoint_id = aws_route53_resolver_endpoint.inbound.id
}

data "aws_route53_resolver_endpoint" "outbound" {
  filter {
    name   = "NAME"
    values = [aws_route53_resolver_endpoint.outbound.name]
  }
}

data "aws_route53_resolver_rule" "company" {
  domain_name = aws_route53_resolver_rule.company.domain_name
  rule_type   = "FORWARD"
}

data "aws_route53_resolver_rules" "forward" {
  rule_type  = "FORWARD"
  depends_on = [aws_route53_resolver_rule.company]
}

output "inbound" {
  value = sort(data.aws_route53_resolver_endpoint.inbound.ip_addresses)
}

output "outbound" {
  value = data.aws_route53_resolver_endpoint.outbound.id == aws_route53_resolver_endpoint.outbound.id
}

output "rule" {
  value = data.aws_route53_resolver_rule.company.id == aws_route53_resolver_rule.company.id && contains(data.aws_route53_resolver_rules.forward.resolver_rule_ids, aws_route53_resolver_rule.company.id)
}

output "ids" {
  value = {
    "aws_route53_resolver_endpoint.inbound"                      = aws_route53_resolver_endpoint.inbound.id
    "aws_route53_resolver_rule.company"                          = aws_route53_resolver_rule.company.id
    "aws_route53_resolver_rule_association.laboratory"           = aws_route53_resolver_rule_association.laboratory.id
    "aws_route53_resolver_rule_association.this[\"other\"]"      = aws_route53_resolver_rule_association.this["other"].id
  }
}
