// A grpc-go server: it repeats what a unary call says, and ends every stream with OK and no message. Prints its address.
package main

import (
	"fmt"
	"log"
	"net"
	"strings"

	"google.golang.org/grpc"
)

// raw leaves messages as the bytes that they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return *(message.(*[]byte)), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*(message.(*[]byte)) = append([]byte{}, data...)
	return nil
}

func (raw) Name() string { return "proto" }

func serve(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return nil
	}
	if strings.HasSuffix(method, "/Say") {
		return stream.SendMsg(&request)
	}
	return nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(serve))
	log.Fatal(server.Serve(listener))
}
