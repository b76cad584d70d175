# What else of a VPC people write: DHCP options, several ranges, more network interfaces and addresses, what a VPC is made
# with, a peering connection with its options, the default VPC.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "addresses" {
  description = "secondary addresses of the second interface"
  default     = 2
}

variable "domain" {
  default = "corp.example"
}

data "aws_availability_zones" "here" {
  state = "available"
}

data "aws_ami" "host" {
  most_recent = true
  owners      = ["self", "amazon"]
}

resource "aws_vpc" "this" {
  cidr_block           = "10.60.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.61.0.0/20"
}

resource "aws_subnet" "a" {
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.60.1.0/24"
  availability_zone = data.aws_availability_zones.here.names[0]
}

resource "aws_subnet" "more" {
  vpc_id            = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  cidr_block        = "10.61.1.0/24"
  availability_zone = data.aws_availability_zones.here.names[0]
}

resource "aws_vpc_dhcp_options" "corp" {
  domain_name         = var.domain
  domain_name_servers = ["10.60.1.53", "AmazonProvidedDNS"]
  ntp_servers         = ["169.254.169.123"]
  tags                = { Name = "corp" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_dhcp_options_association" "corp" {
  vpc_id          = aws_vpc.this.id
  dhcp_options_id = aws_vpc_dhcp_options.corp.id
}

data "aws_vpc_dhcp_options" "seen" {
  dhcp_options_id = aws_vpc_dhcp_options.corp.id
}

# What the VPC was made with.

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  ingress {
    protocol  = -1
    from_port = 0
    to_port   = 0
    self      = true
  }

  egress {
    protocol    = -1
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_default_network_acl" "this" {
  default_network_acl_id = aws_vpc.this.default_network_acl_id
  subnet_ids             = [aws_subnet.a.id, aws_subnet.more.id]

  ingress {
    protocol   = -1
    rule_no    = 90
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }

  egress {
    protocol   = -1
    rule_no    = 90
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_default_route_table" "this" {
  default_route_table_id = aws_vpc.this.default_route_table_id

  route {
    cidr_block           = "192.0.2.0/24"
    network_interface_id = aws_network_interface.primary.id
  }

  route {
    cidr_block                = aws_vpc.peer.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.peer.id
  }
}

# Interfaces.

resource "aws_network_interface" "primary" {
  subnet_id         = aws_subnet.a.id
  private_ips       = ["10.60.1.20"]
  source_dest_check = false
  description       = "first interface of the second node"
}

resource "aws_network_interface" "second" {
  subnet_id         = aws_subnet.a.id
  private_ips_count = var.addresses
  security_groups   = [aws_default_security_group.this.id]
  depends_on        = [aws_network_interface.primary] # whose address it might draw
}

resource "aws_network_interface" "third" {
  subnet_id = aws_subnet.more.id

  attachment {
    instance     = aws_instance.two.id
    device_index = 1
  }
}

resource "aws_instance" "one" {
  ami           = data.aws_ami.host.id
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.a.id

  user_data = <<-EOT
    #cloud-config
    write_files:
      - path: /etc/app.conf
        content: "a=1\n"
    runcmd:
      - [touch, /tmp/done]
  EOT

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_size = 20
    volume_type = "gp3"
    tags        = { Name = "root" }
  }

  depends_on = [aws_vpc_dhcp_options_association.corp, aws_network_interface.primary]
}

resource "aws_network_interface_attachment" "second" {
  instance_id          = aws_instance.one.id
  network_interface_id = aws_network_interface.second.id
  device_index         = 1
}

resource "aws_instance" "two" {
  ami           = data.aws_ami.host.id
  instance_type = "t3.micro"

  network_interface {
    device_index         = 0
    network_interface_id = aws_network_interface.primary.id
  }
}

# A peered VPC, and S3.

resource "aws_vpc" "peer" {
  cidr_block           = "10.62.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc_peering_connection" "peer" {
  vpc_id      = aws_vpc.this.id
  peer_vpc_id = aws_vpc.peer.id
  auto_accept = true
}

resource "aws_vpc_peering_connection_options" "peer" {
  vpc_peering_connection_id = aws_vpc_peering_connection.peer.id

  requester {
    allow_remote_vpc_dns_resolution = true
  }

  accepter {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.us-east-1.s3"
  route_table_ids = [aws_default_route_table.this.id]
}

# The default VPC.

resource "aws_default_vpc" "this" {
  tags = { Name = "default" }
}

resource "aws_default_subnet" "a" {
  availability_zone = data.aws_availability_zones.here.names[0]
  depends_on        = [aws_default_vpc.this]
}

resource "aws_default_vpc_dhcp_options" "this" {
  tags       = {}
  depends_on = [aws_default_vpc.this]
}

resource "aws_security_group" "in_default" {
  name       = "in-default"
  depends_on = [aws_default_vpc.this]
}

resource "aws_instance" "in_default" {
  ami                    = data.aws_ami.host.id
  instance_type          = "t3.micro"
  vpc_security_group_ids = [aws_security_group.in_default.id]
  depends_on             = [aws_default_subnet.a]
}

output "seen" {
  value = {
    "the DHCP options"        = data.aws_vpc_dhcp_options.seen.domain_name == var.domain
    "the VPC's DHCP options"  = aws_vpc_dhcp_options_association.corp.dhcp_options_id == aws_vpc_dhcp_options.corp.id
    "the secondary addresses" = length(aws_network_interface.second.private_ips) == var.addresses + 1
    "the default VPC"         = aws_default_vpc.this.cidr_block == "172.31.0.0/16" && aws_instance.in_default.subnet_id != aws_subnet.a.id
    "the default subnet"      = aws_default_subnet.a.map_public_ip_on_launch
  }
}

output "ids" {
  value = {
    "aws_vpc_dhcp_options.corp"               = aws_vpc_dhcp_options.corp.id
    "aws_network_interface.second"            = aws_network_interface.second.id
    "aws_vpc_peering_connection_options.peer" = aws_vpc_peering_connection.peer.id
    "aws_vpc_dhcp_options_association.corp"   = aws_vpc.this.id
  }
}
