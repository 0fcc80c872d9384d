// Errors of growing length: each is read whole, and the connection goes on. Prints what it read.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/apache/thrift/lib/go/thrift"

	"interop/longerrors"
)

func main() {
	conf := &thrift.TConfiguration{}
	factories := map[string]thrift.TProtocolFactory{
		"binary":  thrift.NewTBinaryProtocolFactoryConf(conf),
		"compact": thrift.NewTCompactProtocolFactoryConf(conf),
		"header":  thrift.NewTHeaderProtocolFactoryConf(conf),
	}
	for _, name := range []string{"binary", "compact", "header"} {
		socket := thrift.NewTSocketConf("127.0.0.1:"+os.Args[1], conf)
		var transport thrift.TTransport = socket
		if name != "header" {
			transport = thrift.NewTFramedTransportConf(socket, conf)
		}
		if err := transport.Open(); err != nil {
			panic(err)
		}
		client := longerrors.NewErrorsClientFactory(transport, factories[name])
		for _, length := range []int32{20, 127, 128, 300, 5000} {
			_, err := client.Fail(context.Background(), length)
			fault, ok := err.(thrift.TApplicationException)
			if !ok {
				panic(err)
			}
			pong, err := client.Ping(context.Background())
			if err != nil {
				panic(err)
			}
			fmt.Println(name, length, fault.TypeId(), len(fault.Error()), pong)
		}
		transport.Close()
	}
}
