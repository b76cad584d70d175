// Package service is the parent of the AWS APIs that Postern speaks: one package a service, generated from the AWS SDK's
// of the same name, and holding only what Postern's sources mention.
package service

//go:generate go run postern/internal/gen/shapes
