output "account" {
  value = data.aws_caller_identity.current.account_id
}

output "instance" {
  value = aws_instance.node.id
}

output "document" {
  value = aws_ssm_document.greet.name
}
