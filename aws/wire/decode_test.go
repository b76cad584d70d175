package wire_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/wire"
)

func codecOf[In, Out any](p wire.Protocol, operation string) *wire.Codec {
	return &wire.Codec{
		Protocol: p, Operation: operation, Namespace: "http://postern.test/",
		Input: reflect.TypeFor[In](), Output: reflect.TypeFor[Out](),
	}
}

var (
	sendCommand  = codecOf[ssm.SendCommandInput, ssm.SendCommandOutput](wire.JSON, "SendCommand")
	runInstances = codecOf[ec2.RunInstancesInput, ec2.RunInstancesOutput](wire.EC2, "RunInstances")
	describeVpcs = codecOf[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput](wire.EC2, "DescribeVpcs")
	createVpc    = codecOf[ec2.CreateVpcInput, ec2.CreateVpcOutput](wire.EC2, "CreateVpc")
	createRole   = codecOf[iam.CreateRoleInput, iam.CreateRoleOutput](wire.Query, "CreateRole")
	putInventory = codecOf[ssm.PutInventoryInput, ssm.PutInventoryOutput](wire.JSON, "PutInventory")
)

// code is the code and text of a fault.
func code(err error) string {
	if err == nil {
		return ""
	}
	f := fault.Of(err)
	return f.Code + ": " + f.Message
}

func TestJSONIsReadStrictly(t *testing.T) {
	const ok = `{"DocumentName":"d"`
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, row := range []struct{ body, want string }{
		{ok + `}`, ""},
		{" \r\n\t" + ok + "} ", ""},
		{ok + `,"Unknown":{"a":[1,2.5e3,true,null,"\u00e9\ud83d\ude00"]}}`, ""},
		{ok + `,"Comment":null,"Targets":[null]}`, ""},
		{ok + `,"DocumentName":"e"}`, ""},
		{``, ""},
		{`{}`, ""},
		{ok + `,"TimeoutSeconds":"60"}`, "SerializationException: TimeoutSeconds: expected a number, got a string"},
		{ok + `,"TimeoutSeconds":6.5}`, "SerializationException: TimeoutSeconds: expected an integer of 32 bits"},
		{ok + `,"TimeoutSeconds":3000000000}`, "SerializationException: TimeoutSeconds: expected an integer of 32 bits"},
		{ok + `,"Targets":{"Key":"k"}}`, "SerializationException: Targets: expected a list, got an object"},
		{
			ok + `,"Targets":[{"Key":"k","Values":["a",5]}]}`,
			"SerializationException: Targets[0].Values[1]: expected a string, got a number",
		},
		{
			ok + `,"Parameters":{"commands":"ls"}}`,
			"SerializationException: Parameters.commands: expected a list, got a string",
		},
		{ok + `,"Parameters":[]}`, "SerializationException: Parameters: expected an object, got a list"},
		{ok + `,"CloudWatchOutputConfig":{"CloudWatchOutputEnabled":"true"}}`,
			"SerializationException: CloudWatchOutputConfig.CloudWatchOutputEnabled: expected true or false, got a string"},
		{
			ok + `,"Comment":"` + "a\x01b" + `"}`,
			"SerializationException: malformed JSON at byte 32: control character in a string",
		},
		{ok + `,"Comment":"` + "\xff" + `"}`, "SerializationException: malformed JSON at byte 33: invalid UTF-8"},
		{ok + `,"Comment":"\ud800"}`, "SerializationException: malformed JSON at byte 37: half a surrogate pair"},
		{ok + `,"Comment":"\x"}`, "SerializationException: malformed JSON at byte 32: bad escape"},
		{ok + `,"InstanceIds":["a" "b"]}`, "SerializationException: malformed JSON at byte 39: expected ','"},
		{ok + `,}`, "SerializationException: malformed JSON at byte 20: expected a string"},
		{ok, "SerializationException: malformed JSON at byte 19: expected ','"},
		{ok + `} {}`, "SerializationException: malformed JSON at byte 21: data after the end of the document"},
		{ok + `,"x":01}`, "SerializationException: malformed JSON at byte 26: bad number"},
		{ok + `,"x":` + deep + `}`, "SerializationException: nested too deeply"},
		{`[]`, "SerializationException: expected an object, got a list"},
		{`nonsense`, "SerializationException: expected an object, got null"},
	} {
		err := sendCommand.DecodeJSON([]byte(row.body), &ssm.SendCommandInput{})
		if got := code(err); got != row.want {
			t.Errorf("%.80s\n got %s\nwant %s", row.body, got, row.want)
		}
	}
}

func TestFormsAreReadStrictly(t *testing.T) {
	tooMany := strings.Repeat("a=1&", wire.MaxParameters+1)
	for _, row := range []struct {
		codec      *wire.Codec
		form, want string
	}{
		{createVpc, "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&DryRun=true", ""},
		{createVpc, "CidrBlock=10.0.0.0%2F16&AWSAccessKeyId=x&X-Amz-Date=y", ""},
		{createVpc, "DryRun=maybe", "InvalidParameterValue: Invalid value for parameter DryRun: expected true or false"},
		{
			createVpc, "Ipv4NetmaskLength=wide",
			"InvalidParameterValue: Invalid value for parameter Ipv4NetmaskLength: expected an integer of 32 bits",
		},
		{createVpc, "CidrBlocks=10.0.0.0%2F16", "UnknownParameter: The parameter CidrBlocks is not recognized"},
		{createVpc, "CidrBlock.1=10.0.0.0%2F16", "UnknownParameter: The parameter CidrBlock.1 is not recognized"},
		{
			createVpc, "TagSpecification.1.Tags.1.Key=a",
			"UnknownParameter: The parameter TagSpecification.1.Tags is not recognized",
		},
		{
			createVpc, "TagSpecification=x",
			"InvalidParameterValue: Invalid value for parameter TagSpecification: expected a list",
		},
		{createVpc, "TagSpecification.x=1", "UnknownParameter: The parameter TagSpecification.x is not recognized"},
		{
			createVpc, "TagSpecification.01.ResourceType=vpc",
			"UnknownParameter: The parameter TagSpecification.01 is not recognized",
		},
		{
			createVpc, "TagSpecification.-1.ResourceType=vpc",
			"UnknownParameter: The parameter TagSpecification.-1 is not recognized",
		},
		{createVpc, "CidrBlock=%zz", "MalformedQueryString: parameter 1 is not a valid escape of UTF-8"},
		{createVpc, "CidrBlock=%ff", "MalformedQueryString: parameter 1 is not a valid escape of UTF-8"},
		{createVpc, "CidrBlock=a&CidrBlock=b", "MalformedQueryString: parameter CidrBlock is given more than once"},
		{createVpc, tooMany, "MalformedQueryString: more than 20000 parameters"},
		{runInstances, "MinCount=1", "MissingParameter: The request must contain the parameter MaxCount"},
		{runInstances, "MinCount=1&MaxCount=1&LicenseSpecification.1=", ""},
		{
			createRole, "RoleName=r",
			"ValidationError: 1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy " +
				"constraint: Member must not be null",
		},
		{
			createRole, "RoleName=r&AssumeRolePolicyDocument=d&Tags.member.1.Key=k",
			"ValidationError: 1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: " +
				"Member must not be null",
		},
		{createRole, "RoleName=r&AssumeRolePolicyDocument=d&Tags=", ""},
		{createRole, "Rolename=r", "InvalidQueryParameter: The parameter Rolename is not recognized"},
	} {
		form, err := wire.ParseForm(row.form)
		if err == nil {
			in := reflect.New(row.codec.Input).Interface()
			if err = row.codec.DecodeForm(form, in); err == nil {
				err = row.codec.Validate(in)
			}
		}
		if got := code(err); got != row.want {
			t.Errorf("%.80s\n got %s\nwant %s", row.form, got, row.want)
		}
	}
}

func TestListsOfAFormCloseTheirGaps(t *testing.T) {
	form, err := wire.ParseForm("VpcId.10=c&VpcId.2=b", "VpcId.1=a")
	if err != nil {
		t.Fatal(err)
	}
	var in ec2.DescribeVpcsInput
	if err := describeVpcs.DecodeForm(form, &in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, in.VpcIds); diff != "" {
		t.Error(diff)
	}
}

// A privateInput stands for the operations that only the agent's own model has.
type privateInput struct {
	Fingerprint *string `wire:"required"`
	Codes       []int64
	Attributes  map[string]string
	At          *time.Time
	Renamed     string `json:"other-name"`
	internal    string
}

type privateOutput struct {
	TokenValue string
	At         time.Time
	Update     bool
	Empty      []string
	Absent     *string
}

func TestPlainStructsNeedNoTable(t *testing.T) {
	codec := codecOf[privateInput, privateOutput](wire.JSON, "Private")
	var in privateInput
	body := `{"Fingerprint":"f","Codes":[1,2],"Attributes":{"a":"b"},"At":1795281428.123,"other-name":"r"}`
	if err := codec.DecodeJSON([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	if *in.Fingerprint != "f" || in.Codes[1] != 2 || in.Attributes["a"] != "b" || in.Renamed != "r" || in.internal != "" {
		t.Errorf("read %+v", in)
	}
	if want := time.UnixMilli(1795281428123).UTC(); !in.At.Equal(want) {
		t.Errorf("time %s, want %s", in.At, want)
	}
	if got := code(codec.Validate(&privateInput{})); !strings.HasPrefix(got, "ValidationException: 1 validation error") {
		t.Errorf("without a required member: %s", got)
	}
	out := &privateOutput{TokenValue: "<t>", At: time.UnixMilli(1795281428123)}
	rest := codecOf[privateInput, privateOutput](wire.REST, "Private")
	rest.Namespace = ""
	for _, row := range []struct {
		codec *wire.Codec
		want  string
	}{
		{codec, `{"TokenValue":"<t>","At":1795281428.123,"Update":false,"Empty":[]}`},
		{
			rest,
			`<PrivateResponse><TokenValue>&lt;t&gt;</TokenValue><At>2026-11-21T17:17:08Z</At><Update>false</Update><Empty>` +
				`</Empty></PrivateResponse>`,
		},
	} {
		got, err := row.codec.Append(nil, out, "req-1")
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %v\n got %s\nwant %s", row.codec.Protocol, err, got, row.want)
		}
	}
}

func TestEmptyAnswers(t *testing.T) {
	deleteVpc := codecOf[ec2.DeleteVpcInput, ec2.DeleteVpcOutput](wire.EC2, "DeleteVpc")
	deleteRole := codecOf[iam.DeleteRoleInput, iam.DeleteRoleOutput](wire.Query, "DeleteRole")
	list := codecOf[ssm.DescribeInstanceInformationInput, ssm.DescribeInstanceInformationOutput](
		wire.JSON, "DescribeInstanceInformation",
	)
	for _, row := range []struct {
		codec *wire.Codec
		want  string
	}{
		{list, `{"InstanceInformationList":[]}`},
		{putInventory, `{}`},
		{describeVpcs, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<DescribeVpcsResponse xmlns="http://postern.test/"><requestId>r</requestId><vpcSet></vpcSet>` +
			`</DescribeVpcsResponse>`},
		{deleteVpc, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<DeleteVpcResponse xmlns="http://postern.test/"><requestId>r</requestId><return>true</return></DeleteVpcResponse>`},
		{
			deleteRole,
			`<DeleteRoleResponse xmlns="http://postern.test/"><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>` +
				`</DeleteRoleResponse>`,
		},
	} {
		got, err := row.codec.Append(nil, reflect.New(row.codec.Output).Interface(), "r")
		if err != nil || string(got) != row.want {
			t.Errorf("%v\n got %s\nwant %s", err, got, row.want)
		}
	}
}

func TestFailures(t *testing.T) {
	f := wire.Failure{
		Code: "Some.Code", Message: "a <b> & \"c\"", Status: 400, RequestID: "r", Namespace: "http://postern.test/",
	}
	for _, row := range []struct {
		p    wire.Protocol
		want string
	}{
		{wire.JSON, `{"__type":"Some.Code","message":"a <b> & \"c\""}`},
		{wire.EC2, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<Response><Errors><Error><Code>Some.Code</Code><Message>a &lt;b&gt; &amp; "c"</Message></Error></Errors>` +
			`<RequestID>r</RequestID></Response>`},
		{wire.Query, `<ErrorResponse xmlns="http://postern.test/"><Error><Type>Sender</Type><Code>Some.Code</Code>` +
			`<Message>a &lt;b&gt; &amp; "c"</Message></Error><RequestId>r</RequestId></ErrorResponse>`},
		{wire.REST, `<Some.Code><Message>a &lt;b&gt; &amp; "c"</Message><RequestId>r</RequestId></Some.Code>`},
		{wire.S3, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<Error><Code>Some.Code</Code><Message>a &lt;b&gt; &amp; "c"</Message><RequestId>r</RequestId></Error>`},
	} {
		if got := string(row.p.AppendFailure(nil, f)); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.p, got, row.want)
		}
	}
	f.Service, f.Code = "ssm", "InvalidInstanceId"
	if got, want := string(
		wire.JSON.AppendFailure(nil, f),
	), `{"__type":"InvalidInstanceId","Message":"a <b> & \"c\""}`; got != want {
		t.Errorf("modelled error\n got %s\nwant %s", got, want)
	}
}

func TestTypesThatCannotStandOnTheWire(t *testing.T) {
	bad := codecOf[struct{ C chan int }, privateOutput](wire.JSON, "Bad")
	if err := bad.Prepare(); err == nil || !strings.Contains(err.Error(), "has no form") {
		t.Errorf("Prepare: %v", err)
	}
}
