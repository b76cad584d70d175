// Package service holds the AWS APIs that Postern speaks: one package a service, generated from the AWS SDK's package
// of the same name with only what Postern's sources mention.
package service

//go:generate go run postern/internal/gen/shapes
