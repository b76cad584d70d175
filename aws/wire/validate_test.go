package wire_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/aws/fault"
	"postern/aws/wire"
)

var (
	describeInformation = codecOf[ssm.DescribeInstanceInformationInput, ssm.DescribeInstanceInformationOutput](
		wire.JSON, "DescribeInstanceInformation",
	)
	putParameter       = codecOf[ssm.PutParameterInput, ssm.PutParameterOutput](wire.JSON, "PutParameter")
	listCommands       = codecOf[ssm.ListCommandsInput, ssm.ListCommandsOutput](wire.JSON, "ListCommands")
	describeParameters = codecOf[ssm.DescribeParametersInput, ssm.DescribeParametersOutput](
		wire.JSON, "DescribeParameters",
	)
	getInvocation = codecOf[ssm.GetCommandInvocationInput, ssm.GetCommandInvocationOutput](
		wire.JSON, "GetCommandInvocation",
	)
	createEndpoint = codecOf[route53resolver.CreateResolverEndpointInput, route53resolver.CreateResolverEndpointOutput](
		wire.JSON, "CreateResolverEndpoint",
	)
	assumeRole      = codecOf[sts.AssumeRoleInput, sts.AssumeRoleOutput](wire.Query, "AssumeRole")
	updateAccessKey = codecOf[iam.UpdateAccessKeyInput, iam.UpdateAccessKeyOutput](wire.Query, "UpdateAccessKey")
	registerImage   = codecOf[ec2.RegisterImageInput, ec2.RegisterImageOutput](wire.EC2, "RegisterImage")
)

const one = "1 validation error detected: "

var long = strings.Repeat("x", 2000)

// A limitCase is a request that breaks a limit, and the code and message of the refusal; none: it is allowed.
type limitCase struct {
	name, body string
	codec      *wire.Codec
	want       string
}

var jsonLimits = []limitCase{
	{"six targets",
		`{"DocumentName":"doc","Targets":[` + strings.TrimSuffix(
			strings.Repeat(`{"Key":"tag:a","Values":["1"]},`, 6), ",",
		) + `]}`, sendCommand,
		"ValidationException: " + one + "Value '[" + strings.TrimSuffix(
			strings.Repeat("Target(key=tag:a, values=[1]), ", 6), ", ",
		) +
			"]' at 'targets' failed to satisfy constraint: Member must have length less than or equal to 5"},
	{"a target's key and another's", `{"DocumentName":"doc","Targets":[{"Key":"tag:a"},{"Key":""}]}`, sendCommand,
		"ValidationException: " + one +
			"Value '' at 'targets.2.member.key' failed to satisfy constraint: Member must have length greater than or equal " +
			"to 1"},
	{"no document and a long comment", `{"Comment":"` + strings.Repeat("é", 101) + `"}`, sendCommand,
		"ValidationException: 2 validation errors detected: " +
			"Value null at 'documentName' failed to satisfy constraint: Member must not be null; " +
			"Value '" + strings.Repeat("é", 101) +
			"' at 'comment' failed to satisfy constraint: Member must have length less than or equal to 100"},
	{
		"a hundred characters, two bytes each", `{"DocumentName":"doc","Comment":"` + strings.Repeat("é", 100) + `"}`,
		sendCommand, "",
	},
	{"a junk instance", `{"DocumentName":"doc","InstanceIds":["i-0123456789abcdef0","junk"]}`, sendCommand,
		"ValidationException: " + one +
			"Value '[i-0123456789abcdef0, junk]' at 'instanceIds' failed to satisfy constraint: " +
			`Member must satisfy constraint: [Member must satisfy regular expression pattern: ` +
			`(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)]`},
	{"one digit short", `{"CommandId":"11111111-2222-3333-4444-555555555555","InstanceId":"i-083e1601960282cd"}`,
		getInvocation,
		"ValidationException: " + one + "Value 'i-083e1601960282cd' at 'instanceId' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: (^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)`},
	{"a long value is shown in part", `{"Name":"n","Value":"s","KeyId":"` + long + `","Type":"String"}`, putParameter,
		"ValidationException: " + one + "Value '" + long[:1024] +
			"…' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 256"},
	{"an unknown type", `{"Name":"n","Value":"s","Type":"Number"}`, putParameter,
		"ValidationException: " + one +
			"Value 'Number' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, " +
			"SecureString]"},
	{"six filters",
		`{"Filters":[` + strings.TrimSuffix(strings.Repeat(`{"key":"Status","value":"Success"},`, 6), ",") + `]}`,
		listCommands,
		"ValidationException: " + one + "Value '[" + strings.TrimSuffix(
			strings.Repeat("CommandFilter(key=Status, value=Success), ", 6), ", ",
		) +
			"]' at 'filters' failed to satisfy constraint: Member must have length less than or equal to 5"},
	{"four pages", `{"MaxResults":4}`, describeInformation,
		"ValidationException: " + one +
			"Value '4' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 5"},
	{"a filter's key", `{"ParameterFilters":[{"Key":"Colour"}]}`, describeParameters,
		"ValidationException: " + one + "Value 'Colour' at 'parameterFilters.1.member.key' failed to satisfy constraint: " +
			"Member must satisfy regular expression pattern: tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType"},
	{"a direction",
		`{"CreatorRequestId":"c","SecurityGroupIds":["sg-1"],"Direction":"UP","IpAddresses":[{"SubnetId":"s"},` +
			`{"SubnetId":"s"}]}`, createEndpoint,
		"ValidationException: " + one +
			"Value 'UP' at 'direction' failed to satisfy constraint: Member must satisfy enum value set: [INBOUND, OUTBOUND, " +
			"INBOUND_DELEGATION]"},
}

var queryLimits = []limitCase{
	{"a session's name", "RoleArn=arn:aws:iam::000000000000:role/r&RoleSessionName=bedrock+role", assumeRole,
		"ValidationError: " + one + "Value 'bedrock role' at 'roleSessionName' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`},
	{"a long name", "AssumeRolePolicyDocument={}&RoleName=" + long[:65], createRole,
		"ValidationError: " + one + "Value '" + long[:65] +
			"' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"},
	{"IAM's own words", "AssumeRolePolicyDocument={}&RoleName=a+b", createRole,
		"ValidationError: The specified value for roleName is invalid. It must contain only alphanumeric characters " +
			"and/or the following: +=,.@_-"},
	{"a status", "AccessKeyId=AKIA0123456789ABCDEF&Status=Gone", updateAccessKey,
		"ValidationError: " + one +
			"Value 'Gone' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, " +
			"Expired]"},
	{"a tag", "AssumeRolePolicyDocument={}&RoleName=r&Tags.member.1.Key=" + long[:129] + "&Tags.member.1.Value=",
		createRole,
		"ValidationError: " + one + "Value '" + long[:129] +
			"' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
}

var ec2Limits = []limitCase{
	{"four VPCs", "MaxResults=4", describeVpcs,
		"InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."},
	{"too many VPCs", "MaxResults=1001", describeVpcs,
		"InvalidParameterValue: Value ( 1001 ) for parameter maxResults is invalid. Expecting a value smaller than 1000."},
	{"a tenancy", "CidrBlock=10.0.0.0/16&InstanceTenancy=shared", createVpc,
		"InvalidParameterValue: Value (shared) for parameter instanceTenancy is invalid. Accepted values: default, " +
			"dedicated, host"},
	{"a resource type of many", "TagSpecification.1.ResourceType=house", createVpc,
		"InvalidParameterValue: Value (house) for parameter tagSpecification.1.resourceType is invalid."},
	{"an image's name", "Name=ab", registerImage,
		"InvalidParameterValue: " + one +
			"Value 'ab' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 3"},
}

// The sentences are AWS's, as people have reported them: the six targets and the roleSessionName word for word, the
// instance id as the AWS CLI's tracker has it; values of enums stand in the model's order.
func TestLimitsAreToldInAWSsWords(t *testing.T) {
	for _, tt := range slices.Concat(jsonLimits, queryLimits, ec2Limits) {
		in := reflect.New(tt.codec.Input).Interface()
		var err error
		if tt.codec.Protocol == wire.JSON {
			err = tt.codec.DecodeJSON([]byte(tt.body), in)
		} else if form, errForm := wire.ParseForm(tt.body); errForm != nil {
			err = errForm
		} else {
			err = tt.codec.DecodeForm(form, in)
		}
		if err == nil {
			err = tt.codec.Validate(in)
		}
		if got := code(err); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// An answer tells of no more than some violations, however many a request holds, and in little time.
func TestViolationsAreBounded(t *testing.T) {
	body := `{"DocumentName":"doc","Targets":[` + strings.TrimSuffix(
		strings.Repeat(`{"Key":"","Values":[]},`, 20_000), ",",
	) + `]}`
	in := &ssm.SendCommandInput{}
	if err := sendCommand.DecodeJSON([]byte(body), in); err != nil {
		t.Fatal(err)
	}
	err := sendCommand.Validate(in)
	if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(
		fault.Of(err).Message, "50 validation errors detected: ",
	) || len(err.Error()) > 16<<10 {
		t.Errorf("%.300s", err)
	}
}

// A value that is not to be shown stands in no answer.
func TestSensitiveValuesAreNotShown(t *testing.T) {
	codec := codecOf[iam.ChangePasswordInput, iam.ChangePasswordOutput](wire.Query, "ChangePassword")
	form, err := wire.ParseForm("OldPassword=old&NewPassword=" + strings.Repeat("hunter2", 40))
	if err != nil {
		t.Fatal(err)
	}
	in := &iam.ChangePasswordInput{}
	if err := codec.DecodeForm(form, in); err != nil {
		t.Fatal(err)
	}
	want := "ValidationError: 1 validation error detected: Value at 'newPassword' failed to satisfy constraint: Member " +
		"must have length less than or equal to 128"
	if got := code(codec.Validate(in)); got != want {
		t.Errorf("got %s", got)
	}
}
