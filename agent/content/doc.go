// Package content brings to a node what commands refer to: objects of S3, pages of web servers and documents of Systems
// Manager. It does the work of the plugin aws:downloadContent.
package content
