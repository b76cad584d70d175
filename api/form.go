package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
)

// The bounds of the fields of a form that stand before its file: in bytes of names and values, which is S3's bound, in
// bytes with what stands around them, and in number.
const (
	maxFieldBytes = 20 << 10
	maxFormHead   = 128 << 10
	maxFields     = 300
)

// A Form is what an operation makes of the fields of a form that is the body of its request.
type Form struct {
	// Claim says who made the form; nil is nobody.
	Claim *Claim
	// Header tells a header of the request that the form stands for.
	Header func(name string) string
	// Labels are values of Call.PathValue that the form tells.
	Labels map[string]string
}

// Forms says that the body of an operation's requests is a form (RFC 7578) with one file, which the handler reads as it
// comes. read is given the fields before the file by their names in lower case, and the name of the file without its
// directory; Call.Fields tells them later.
func Forms(read func(c *Call, r *http.Request, fields map[string]string, file string) (*Form, error)) Option {
	return func(op *Operation) { op.form = read }
}

// openForm reads the fields of a form, finds out who made it, and leaves the file to the handler.
func (x *exchange) openForm(ctx context.Context) error {
	head := &headReader{src: x.body.stream, left: maxFormHead}
	fields, file, err := readFields(x.r, head)
	if err != nil {
		return err
	}
	form, err := x.op.form(x.call, x.r, fields, file.name)
	if err != nil {
		return err
	}
	if form.Claim != nil && x.signature != nil {
		return fault.New(fault.Invalid, "api.openForm", "Only one auth mechanism allowed").WithCode("InvalidArgument")
	}
	if form.Claim != nil {
		if err := x.prove(ctx, form.Claim); err != nil {
			return err
		}
	}
	path := x.call.path
	x.call.Fields, x.call.header = fields, form.Header
	x.call.path = func(name string) string {
		if value, ok := form.Labels[name]; ok {
			return value
		}
		return path(name)
	}
	x.body.stream = file
	return nil
}

// headReader bounds what is read before the file of a form is reached.
type headReader struct {
	src  io.Reader
	left int // -1 is any
}

// Read implements io.Reader.
func (h *headReader) Read(p []byte) (int, error) {
	if h.left < 0 {
		return h.src.Read(p)
	}
	if h.left == 0 {
		return 0, headTooLong()
	}
	n, err := h.src.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

func headTooLong() error {
	return fault.New(fault.Invalid, "api.openForm",
		"Your POST request fields preceding the upload file were too large.").
		WithCode("MaxPostPreDataLengthExceeded").With("MaxPostPreDataLengthBytes", "20480")
}

// formFile is the file of a form.
type formFile struct {
	*multipart.Part
	name string
}

// Read implements io.Reader. A form that ends before its file does is no whole one.
func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.Part.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = incompleteForm()
	}
	return n, err
}

func incompleteForm() error {
	return fault.New(fault.Invalid, "api.openForm", "The form ended before its last boundary").
		WithCode("IncompleteBody")
}

// readFields reads the fields of a form up to its file.
func readFields(r *http.Request, body *headReader) (map[string]string, *formFile, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, nil, fault.New(fault.Invalid, "api.openForm",
			"Bucket POST must be of the enclosure-type multipart/form-data").WithCode("PreconditionFailed")
	}
	fields, size := map[string]string{}, 0
	parts := multipart.NewReader(body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, nil, formFault(err)
		}
		_, names, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		name := strings.ToLower(names["name"])
		if err != nil || name == "" {
			return nil, nil, malformedForm()
		}
		if name == "file" {
			body.left = -1
			file := names["filename"]
			return fields, &formFile{part, file[strings.LastIndexAny(file, `/\`)+1:]}, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
		if err != nil {
			return nil, nil, formFault(err)
		}
		if size += len(name) + len(value); size > maxFieldBytes || len(fields) == maxFields {
			return nil, nil, headTooLong()
		}
		if _, twice := fields[name]; twice {
			return nil, nil, fault.New(fault.Invalid, "api.openForm", "The form has the field %.100q twice", name).
				WithCode("InvalidArgument")
		}
		if !utf8.ValidString(name) || !utf8.Valid(value) {
			return nil, nil, malformedForm()
		}
		fields[name] = string(value)
	}
}

// formFault says what is wrong with a form that cannot be read up to its file.
func formFault(err error) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, io.EOF):
		return fault.New(fault.Invalid, "api.openForm", "POST requires exactly one file upload per request.").
			WithCode("IncorrectNumberOfFilesInPostRequest")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return incompleteForm()
	}
	return malformedForm()
}

func malformedForm() error {
	return fault.New(fault.Invalid, "api.openForm",
		"The body of your POST request is not well-formed multipart/form-data.").WithCode("MalformedPOSTRequest")
}
