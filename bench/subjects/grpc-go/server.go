package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Payload has one bytes field with number 1: on the wire it is bench.v1.Payload.
type Payload = wrapperspb.BytesValue

func say(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := new(Payload)
	if err := decode(request); err != nil {
		return nil, err
	}
	return request, nil
}

// pour sends as many messages of such a size as the eight bytes of its request say.
func pour(_ any, stream grpc.ServerStream) error {
	request := new(Payload)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	if len(request.Value) != 8 {
		return errors.New("the request of pour has eight bytes: how many, and of what size")
	}
	message := &Payload{Value: bytes.Repeat([]byte{1}, int(binary.BigEndian.Uint32(request.Value[4:])))}
	for i := binary.BigEndian.Uint32(request.Value); i > 0; i-- {
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
	return nil
}

func chat(_ any, stream grpc.ServerStream) error {
	for {
		message := new(Payload)
		if err := stream.RecvMsg(message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
}

// As protoc-gen-go-grpc emits it.
var echo = grpc.ServiceDesc{
	ServiceName: "bench.v1.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: say}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Pour", Handler: pour, ServerStreams: true},
		{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true},
	},
}

func serve(question Question) (func(Question) (any, error), any, error) {
	options := []grpc.ServerOption{grpc.MaxConcurrentStreams(10_000)}
	if question.TLS != nil {
		pair, err := tls.X509KeyPair([]byte(question.TLS.Cert), []byte(question.TLS.Key))
		if err != nil {
			return nil, nil, err
		}
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&echo, struct{}{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go server.Serve(listener)
	return func(question Question) (any, error) { return nil, unknown(question) }, listener.Addr().String(), nil
}
