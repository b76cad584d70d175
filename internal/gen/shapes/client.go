package main

import "fmt"

func (w *writer) client() ([]byte, error) {
	s := w.service
	comment := fmt.Sprintf("Package %s is the part of %s's API that Postern speaks, with the names of package %s of the AWS SDK:\n"+
		"the inputs and outputs of operations, and a client of them.", s.name, s.noun, s.name)
	w.begin(comment, s.name, "context", "", "github.com/aws/aws-sdk-go-v2/aws", "", "postern/aws/client", "postern/aws/wire")
	w.printf("var service = client.Service{Name: %q, Protocol: wire.%s, Version: %q", s.name, s.protocol, w.model.version)
	if s.target != "" {
		w.printf(", Target: %q", s.target)
	}
	if s.global {
		w.printf(", Global: true")
	}
	w.printf("}\n\n// Client calls the service. It is safe for concurrent use.\ntype Client struct{ caller *client.Client }\n\n")
	w.printf("// NewFromConfig makes a client.\nfunc NewFromConfig(c aws.Config) *Client { return &Client{client.New(c, service)} }\n\n")
	for _, name := range sorted(w.model.kept) {
		w.method(name, w.model.operations[name])
	}
	for _, name := range sorted(w.model.kept) {
		if op := w.model.operations[name]; op.paginator {
			w.paginator(name, op)
		}
	}
	return w.end()
}

func (w *writer) method(name string, op *operation) {
	w.printf("func (c *Client) %s(ctx context.Context, in *%sInput) (*%sOutput, error) {\n", name, name, name)
	if op.token != "" && hasMember(op.input, op.token) {
		w.printf("if in.%s == nil {\nown := *in\nown.%s = aws.String(client.Token())\nin = &own\n}\n", op.token, op.token)
	}
	w.printf("return client.Do[%sOutput](ctx, c.caller, %q, in)\n}\n\n", name, name)
}

func (w *writer) paginator(name string, op *operation) {
	token := "NextToken"
	if !hasMember(op.input, token) {
		token = "Marker"
	}
	w.printf("// %sAPIClient is a client of the one operation.\n", name)
	w.printf("type %sAPIClient interface {\n%s(context.Context, *%sInput) (*%sOutput, error)\n}\n\n", name, name, name, name)
	w.printf("// New%sPaginator pages through the answers.\n", name)
	w.printf("func New%sPaginator(c %sAPIClient, in *%sInput) *client.Paginator[%sOutput] {\n", name, name, name, name)
	w.printf("return client.NewPaginator(in.%s, func(ctx context.Context, token *string) (*%sOutput, *string, error) {\n", token, name)
	w.printf("page := *in\npage.%s = token\n", token)
	w.printf("out, err := c.%s(ctx, &page)\nif err != nil {\nreturn nil, nil, err\n}\n", name)
	w.printf("return out, out.%s, nil\n})\n}\n\n", token)
}
