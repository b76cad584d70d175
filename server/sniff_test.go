package server_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/server"
)

func TestOnePortSpeaksTLSAndPlainHTTP(t *testing.T) {
	s, config := open(t, server.Config{})
	for _, scheme := range []string{"https", "http"} {
		endpoint := strings.Replace(s.Access().Endpoint, "https", scheme, 1)
		config.BaseEndpoint = &endpoint
		who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || aws.ToString(who.Account) != server.DefaultAccount {
			t.Errorf("%s: %v, %v", scheme, who, err)
		}
	}
}

// A client that says nothing must keep neither other clients nor Close waiting.
func TestSilentClientBlocksNobody(t *testing.T) {
	s, config := open(t, server.Config{})
	address := strings.TrimPrefix(s.Access().Endpoint, "https://")
	for range 5 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	if _, err := sts.NewFromConfig(config).GetCallerIdentity(
		context.Background(), &sts.GetCallerIdentityInput{},
	); err != nil {
		t.Error(err)
	}
	begun := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("Close waited %v for clients that say nothing", took)
	}
}
