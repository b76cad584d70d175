// Package client calls AWS APIs: it writes requests with package wire, signs and retries them with the core of the AWS
// SDK, and reads the answers. The clients of packages postern/aws/service/… are made of it.
//
// It takes the SDK's aws.Config, so whatever knows how to make one (of the environment, of profiles) fits. Of it, it
// uses Region, BaseEndpoint, Credentials, HTTPClient and Retryer.
package client
