package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/bench/report"
)

const instances = 20

var twenty = part{
	name: "twenty", longest: 2 * time.Minute, measure: (*bench).measureTwenty,
	targets: []target{{"20 instances from RunInstances to Online", "≤ 5 s, ≤ 25 MB each with our agent"}},
	how: "`postern up --sample`, and one `RunInstances` of 20 instances beside the sample's. The time is from the call " +
		"until all are Online. Memory is what all processes of " +
		"the instances have to themselves with their share of common pages (PSS of proc(5)), 15 s later, for each instance.",
}

func (b *bench) measureTwenty(ctx context.Context) ([]report.Row, error) {
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere, "--sample")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	sample, err := s.awaitOnline(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("the sample's node: %w", err)
	}
	found, err := s.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: sample})
	if err != nil {
		return nil, err
	}
	like := found.Reservations[0].Instances[0]
	_, profile, _ := strings.Cut(aws.ToString(like.IamInstanceProfile.Arn), "/")
	in := &ec2.RunInstancesInput{
		ImageId: like.ImageId, InstanceType: like.InstanceType, MinCount: aws.Int32(instances),
		MaxCount: aws.Int32(instances), SubnetId: like.SubnetId,
		SecurityGroupIds:   []string{*like.SecurityGroups[0].GroupId},
		IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: &profile},
	}
	began := time.Now()
	if _, err := s.ec2.RunInstances(ctx, in); err != nil {
		return nil, err
	}
	if _, err := s.awaitOnline(ctx, 1+instances); err != nil {
		return nil, err
	}
	took := time.Since(began)
	if err := pause(ctx, 15*time.Second); err != nil {
		return nil, err
	}
	all, err := descendants(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	each := float64(all) / (1 + instances)
	return []report.Row{{
		Figure:  fmt.Sprintf("%s, %.1f MB each", report.Time(took), each/1e6),
		Verdict: report.Judge(took <= 5*time.Second && each <= 25e6), Limit: limits["twenty"],
	}}, nil
}

// awaitOnline waits until so many instances are Online, and returns their ids.
func (s *server) awaitOnline(ctx context.Context, n int) (ids []string, err error) {
	err = until(ctx, 5*time.Millisecond, func() (bool, error) {
		if ids, err = s.online(ctx); err != nil {
			return false, err
		}
		return len(ids) == n, s.ended()
	})
	return ids, err
}

// descendants adds up the proportional memory of all processes that a process and its children have started, in bytes.
func descendants(pid int) (sum uint64, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		for _, child := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				return 0, err
			}
			own, err := proportional(id)
			if err != nil {
				return 0, err
			}
			below, err := descendants(id)
			if err != nil {
				return 0, err
			}
			sum += own + below
		}
	}
	return sum, nil
}

// proportional is a process's memory with its share of common pages, in bytes.
func proportional(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return parseProportional(string(text))
}

func parseProportional(rollup string) (uint64, error) {
	for line := range strings.Lines(rollup) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "Pss:" && fields[2] == "kB" {
			kilobytes, err := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("the process's smaps_rollup has no Pss")
}
