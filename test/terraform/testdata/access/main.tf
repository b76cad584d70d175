# Who may do what: users with access keys, roles, policies of every kind, and what is there already looked up again.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "actions" {
  type    = list(string)
  default = ["ssm:GetParameter", "ssm:GetParameters"]
}

variable "path" {
  type    = string
  default = "/access/"
}

variable "type" {
  type    = string
  default = "String"
}

variable "level" {
  type    = string
  default = "info"
}

data "aws_caller_identity" "me" {}

data "aws_partition" "current" {}

# A user with a key, who may do nothing but assume the role.
resource "aws_iam_user" "deployer" {
  name          = "deployer"
  path          = var.path
  force_destroy = true
  tags          = { Team = "network" }
}

resource "aws_iam_access_key" "deployer" {
  user = aws_iam_user.deployer.name
}

resource "aws_iam_access_key" "old" {
  user   = aws_iam_user.deployer.name
  status = "Inactive"
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid       = "Assume"
    actions   = ["sts:AssumeRole"]
    resources = [aws_iam_role.deploy.arn]
  }
}

resource "aws_iam_user_policy" "assume" {
  name   = "assume"
  user   = aws_iam_user.deployer.name
  policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_user_policy_attachment" "read" {
  user       = aws_iam_user.deployer.name
  policy_arn = aws_iam_policy.read.arn
}

# The role that it assumes, with a condition in its trust policy.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.deployer.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["harbour"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "deploy"
  path                 = "/access/"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.boundary.arn
  description          = "deploys parameters"
  tags                 = { Team = "network" }
}

data "aws_iam_policy_document" "deploy" {
  statement {
    actions   = ["ssm:*Parameter*", "ssm:*Tags*"]
    resources = ["arn:${data.aws_partition.current.partition}:ssm:*:${data.aws_caller_identity.me.account_id}:parameter/deployed/*"]
  }
  statement {
    actions   = ["ssm:DescribeParameters"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "deploy" {
  name_prefix = "deploy-"
  role        = aws_iam_role.deploy.id
  policy      = data.aws_iam_policy_document.deploy.json
}

resource "aws_iam_policy" "boundary" {
  name = "boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["ssm:*", "sts:*"], Resource = "*" }]
  })
}

resource "aws_iam_policy" "read" {
  name        = "read-parameters"
  path        = "/access/"
  description = "reads parameters"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.actions, Resource = "*" }]
  })
  tags = { Team = "network" }
}

# One policy for whoever is named here, and for nobody else.
resource "aws_iam_policy" "shared" {
  name_prefix = "shared-"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ec2:DescribeVpcs", Resource = "*" }]
  })
}

resource "aws_iam_policy_attachment" "shared" {
  name       = "shared"
  users      = [aws_iam_user.deployer.name]
  roles      = [aws_iam_role.service.name]
  policy_arn = aws_iam_policy.shared.arn
}

resource "aws_iam_role" "service" {
  name_prefix = "service-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ssm.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policies_exclusive" "service" {
  role_name    = aws_iam_role.service.name
  policy_names = []
}

resource "aws_iam_instance_profile" "service" {
  name_prefix = "service-"
  path        = "/access/"
  role        = aws_iam_role.service.name
  tags        = { Team = "network" }
}

# Parameters, changed in place and replaced.
resource "aws_ssm_parameter" "level" {
  name        = "/access/level"
  description = "how much is logged"
  type        = var.type
  value       = var.level
  tags        = { Level = replace(var.level, ",", "+") } # Systems Manager takes no comma in a tag
}

resource "aws_ssm_parameter" "image" {
  name      = "/access/image"
  type      = "String"
  data_type = "aws:ec2:image"
  value     = data.aws_ami.host.id
}

resource "aws_ssm_parameter" "many" {
  for_each       = toset(["a", "b", "c"])
  name           = "/access/many/${each.key}"
  type           = "String"
  insecure_value = each.key
}

resource "aws_ssm_document" "log" {
  name          = "access-log"
  document_type = "Command"
  content = jsonencode({
    schemaVersion = "2.2"
    description   = var.level
    mainSteps     = [{ action = "aws:runShellScript", name = "log", inputs = { runCommand = ["logger ${var.level}"] } }]
  })
}

data "aws_ami" "host" {
  owners      = ["amazon"]
  most_recent = true
  filter {
    name   = "name"
    values = ["postern-host"]
  }
}

# What is there already, found again.
data "aws_iam_role" "deploy" {
  name = aws_iam_role.deploy.name
}

data "aws_iam_roles" "access" {
  path_prefix = "/access/"
  depends_on  = [aws_iam_role.deploy]
}

data "aws_iam_user" "deployer" {
  user_name = aws_iam_user.deployer.name
}

data "aws_iam_users" "access" {
  path_prefix = var.path
  depends_on  = [aws_iam_user.deployer]
}

data "aws_iam_policy" "core" {
  name = "AmazonSSMManagedInstanceCore"
}

data "aws_iam_policy" "read" {
  arn = aws_iam_policy.read.arn
}

data "aws_iam_instance_profile" "service" {
  name = aws_iam_instance_profile.service.name
}

data "aws_iam_instance_profiles" "service" {
  role_name  = aws_iam_role.service.name
  depends_on = [aws_iam_instance_profile.service]
}

data "aws_iam_access_keys" "deployer" {
  user       = aws_iam_user.deployer.name
  depends_on = [aws_iam_access_key.deployer, aws_iam_access_key.old]
}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_ssm_parameter" "level" {
  name       = "/access/level"
  depends_on = [aws_ssm_parameter.level]
}

data "aws_ssm_parameters_by_path" "many" {
  path       = "/access/many"
  depends_on = [aws_ssm_parameter.many]
}

data "aws_ssm_document" "shell" {
  name            = "AWS-RunShellScript"
  document_format = "JSON"
}

data "aws_ssm_instances" "online" {
  filter {
    name   = "PingStatus"
    values = ["Online"]
  }
}

output "found" {
  value = join(" ", [
    data.aws_iam_role.deploy.unique_id == aws_iam_role.deploy.unique_id,
    length(data.aws_iam_roles.access.arns),
    data.aws_iam_user.deployer.user_id == aws_iam_user.deployer.unique_id,
    length(data.aws_iam_users.access.arns),
    data.aws_iam_policy.core.path,
    data.aws_iam_policy.read.description,
    data.aws_iam_instance_profile.service.role_id == aws_iam_role.service.unique_id,
    length(data.aws_iam_instance_profiles.service.names),
    length(data.aws_iam_access_keys.deployer.access_keys),
    nonsensitive(data.aws_ssm_parameter.level.value),
    join("+", nonsensitive(data.aws_ssm_parameters_by_path.many.values)),
    data.aws_ssm_document.shell.document_type,
    length(data.aws_ssm_instances.online.ids),
  ])
}

output "role" {
  value = aws_iam_role.deploy.arn
}

output "key" {
  value     = { id = aws_iam_access_key.deployer.id, secret = aws_iam_access_key.deployer.secret }
  sensitive = true
}

# What the test imports again, by address.
output "ids" {
  value = {
    "aws_iam_role.service"                = aws_iam_role.service.name
    "aws_iam_policy.read"                 = aws_iam_policy.read.arn
    "aws_iam_user_policy.assume"          = aws_iam_user_policy.assume.id
    "aws_iam_user_policy_attachment.read" = "${aws_iam_user.deployer.name}/${aws_iam_policy.read.arn}"
    "aws_iam_instance_profile.service"    = aws_iam_instance_profile.service.name
    "aws_ssm_parameter.image"             = aws_ssm_parameter.image.name
    "aws_ssm_document.log"                = aws_ssm_document.log.name
  }
}
