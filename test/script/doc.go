// Package script holds the stories of Postern as its users type them: one file in testdata for each, with the ordinary
// AWS CLI where it is installed.
package script
