package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const timeout = 30 * time.Second

type client struct {
	connections []*grpc.ClientConn
	message     *Payload
}

func connect(question Question) (func(Question) (any, error), error) {
	security := insecure.NewCredentials()
	if question.TLS != nil {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(question.TLS.Cert))
		security = credentials.NewClientTLSFromCert(pool, "localhost")
	}
	c := &client{message: &Payload{Value: bytes.Repeat([]byte{1}, question.Size)}}
	for range max(1, question.Connections) {
		connection, err := grpc.NewClient(question.Address, grpc.WithTransportCredentials(security))
		if err != nil {
			return nil, err
		}
		c.connections = append(c.connections, connection)
	}
	return c.answer, nil
}

func (c *client) answer(question Question) (any, error) {
	switch question.Ask {
	case "closed":
		return c.closedLoop(question.InFlight, question.Seconds)
	case "stream":
		return c.streams(question.Kind, question.Count, question.Seconds)
	}
	return nil, unknown(question)
}

func (c *client) say(worker int) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer := new(Payload)
	connection := c.connections[worker%len(c.connections)]
	if err := connection.Invoke(ctx, "/bench.v1.Echo/Say", c.message, answer); err != nil {
		return err
	}
	return c.check(answer)
}

func (c *client) check(answer *Payload) error {
	if got, want := len(answer.Value), len(c.message.Value); got != want {
		return fmt.Errorf("the answer has %d bytes, not %d", got, want)
	}
	return nil
}

// closedLoop keeps so many calls going for so long; latencies are in microseconds.
func (c *client) closedLoop(inFlight int, seconds float64) (any, error) {
	began := time.Now()
	until := began.Add(time.Duration(seconds * float64(time.Second)))
	latencies := make([][]float64, inFlight)
	failed := make([]int, inFlight)
	failures := make([]error, inFlight)
	var workers sync.WaitGroup
	for worker := range inFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for now := time.Now(); now.Before(until); {
				err := c.say(worker)
				end := time.Now()
				if err != nil {
					failed[worker]++
					failures[worker] = err
				} else {
					latencies[worker] = append(latencies[worker], float64(end.Sub(now).Nanoseconds())/1e3)
				}
				now = end
			}
		}()
	}
	workers.Wait()
	load := map[string]any{"seconds": time.Since(began).Seconds()}
	var all []float64
	sum := 0
	for worker := range inFlight {
		all = append(all, latencies[worker]...)
		sum += failed[worker]
	}
	sort.Float64s(all)
	quantile := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(q*float64(len(all)-1))]
	}
	load["calls"], load["failed"] = len(all), sum
	load["p50"], load["p99"], load["p999"] = quantile(0.5), quantile(0.99), quantile(0.999)
	if err := errors.Join(failures...); err != nil {
		load["failure"] = err.Error()
	}
	return load, nil
}

func (c *client) streams(kind string, count int, seconds float64) (any, error) {
	one := c.pour
	if kind == "chat" {
		one = c.chat
	}
	began := time.Now()
	messages := 0
	for {
		came, err := one(count)
		if err != nil {
			return nil, err
		}
		if came != count {
			return nil, fmt.Errorf("%d of %d messages came", came, count)
		}
		messages += came
		if took := time.Since(began).Seconds(); took >= seconds {
			return map[string]any{"messages": messages, "seconds": took}, nil
		}
	}
}

func (c *client) pour(count int) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := c.connections[0].NewStream(ctx, &echo.Streams[0], "/bench.v1.Echo/Pour")
	if err != nil {
		return 0, err
	}
	asked := binary.BigEndian.AppendUint32(nil, uint32(count))
	asked = binary.BigEndian.AppendUint32(asked, uint32(len(c.message.Value)))
	if err := stream.SendMsg(&Payload{Value: asked}); err != nil {
		return 0, err
	}
	if err := stream.CloseSend(); err != nil {
		return 0, err
	}
	return c.receive(stream)
}

func (c *client) chat(count int) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := c.connections[0].NewStream(ctx, &echo.Streams[1], "/bench.v1.Echo/Chat")
	if err != nil {
		return 0, err
	}
	go func() {
		for range count {
			if stream.SendMsg(c.message) != nil {
				return
			}
		}
		stream.CloseSend()
	}()
	return c.receive(stream)
}

func (c *client) receive(stream grpc.ClientStream) (int, error) {
	for came := 0; ; came++ {
		message := new(Payload)
		if err := stream.RecvMsg(message); err == io.EOF {
			return came, nil
		} else if err != nil {
			return came, err
		} else if err := c.check(message); err != nil {
			return came, err
		}
	}
}
