resource "aws_ssm_activation" "hybrid" {
  name               = "${var.name}-hybrid"
  description        = "machines that are no instances"
  iam_role           = aws_iam_role.node.name
  registration_limit = 5
  tags               = { Site = "works" }
  depends_on         = [aws_iam_role_policy_attachment.core]
}

resource "aws_ssm_document" "greet" {
  name            = "${var.name}-greet"
  document_type   = "Command"
  document_format = "YAML"
  content         = <<-EOT
    schemaVersion: "2.2"
    description: says what Parameter Store holds
    parameters:
      greeting:
        type: String
        default: "{{ssm:${aws_ssm_parameter.greeting.name}}}"
    mainSteps:
      - action: aws:runShellScript
        name: greet
        inputs:
          runCommand:
            - echo "{{ greeting }}" && cat /etc/postern-user-data
  EOT
  tags            = { Site = "works" }
}

resource "aws_ssm_parameter" "greeting" {
  name            = "/${var.name}/greeting"
  description     = "what nodes say"
  type            = "String"
  value           = var.greeting
  allowed_pattern = "^[a-z ]+$"
}

resource "aws_ssm_parameter" "hosts" {
  name  = "/${var.name}/hosts"
  type  = "StringList"
  value = "one,two"
  tier  = "Advanced"
}
