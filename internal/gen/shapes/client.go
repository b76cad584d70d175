package main

import "fmt"

func (w *writer) client() ([]byte, error) {
	s := w.service
	comment := fmt.Sprintf("Package %s declares what Postern speaks of %s's API, named as in package %s\n"+
		"of the AWS SDK: the inputs and outputs of operations, and a client of them.", s.name, s.title, s.name)
	w.begin(comment, s.name,
		"context", "", "github.com/aws/aws-sdk-go-v2/aws", "", "postern/aws/client", "postern/aws/wire")
	w.printf("var service = client.Service{\n")
	w.printf("Name: %q,\nProtocol: wire.%s,\nVersion: %q,\n", s.name, s.protocol, w.model.version)
	if s.target != "" {
		w.printf("Target: %q,\n", s.target)
	}
	if s.namespace != "" {
		w.printf("Namespace: %q,\n", s.namespace)
	}
	if s.global {
		w.printf("Global: true,\n")
	}
	w.printf("}\n\n" +
		"// Client calls the service. It is safe for concurrent use.\n" +
		"type Client struct{ caller *client.Client }\n\n" +
		"// NewFromConfig makes a client.\n" +
		"func NewFromConfig(c aws.Config) *Client { return &Client{client.New(c, service)} }\n\n")
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
	w.signature("func (c *Client) "+name, fmt.Sprintf("ctx context.Context, in *%sInput", name),
		fmt.Sprintf("(*%sOutput, error)", name))
	if op.token != "" && hasMember(op.input, op.token) {
		w.printf("if in.%s == nil {\nown := *in\nown.%s = aws.String(client.Token())\nin = &own\n}\n", op.token, op.token)
	}
	w.list(fmt.Sprintf("return client.Do[%sOutput]", name), fmt.Sprintf("ctx, c.caller, %q, in", name), "")
	w.printf("}\n\n")
}

func (w *writer) paginator(name string, op *operation) {
	token := "NextToken"
	if !hasMember(op.input, token) {
		token = "Marker"
	}
	output := name + "Output"
	w.printf("// %sAPIClient is a client of the one operation.\n", name)
	w.printf("type %sAPIClient interface {\n", name)
	w.list(name, fmt.Sprintf("context.Context, *%sInput", name), fmt.Sprintf(" (*%s, error)", output))
	w.printf("}\n\n")
	w.printf("// New%sPaginator pages through the answers.\n", name)
	w.signature(fmt.Sprintf("func New%sPaginator", name), fmt.Sprintf("c %sAPIClient, in *%sInput", name, name),
		fmt.Sprintf("*client.Paginator[%s]", output))
	w.signature("next := func", "ctx context.Context, token *string", fmt.Sprintf("(*%s, *string, error)", output))
	w.printf("page := *in\npage.%s = token\n", token)
	w.printf("out, err := c.%s(ctx, &page)\nif err != nil {\nreturn nil, nil, err\n}\n", name)
	w.printf("return out, out.%s, nil\n}\n", token)
	w.printf("return client.NewPaginator(in.%s, next)\n}\n\n", token)
}

// signature opens a function.
func (w *writer) signature(head, parameters, results string) {
	w.list(head, parameters, " "+results+" {")
}

// list writes a list in parentheses. Where the line would end beyond the line's end, the list gets a line of its own.
func (w *writer) list(head, members, tail string) {
	const indented = 1
	if line := head + "(" + members + ")" + tail; indented+len(line) <= lineEnd {
		w.printf("%s\n", line)
		return
	}
	w.printf("%s(\n%s,\n)%s\n", head, members, tail)
}
