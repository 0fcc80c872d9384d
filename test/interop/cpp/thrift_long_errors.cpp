// Errors of growing length: each is read whole, and the connection goes on. Prints what it read.
#include <thrift/TApplicationException.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <iostream>

#include "Errors.h"

using namespace apache::thrift;

static void calls(const char* name, std::shared_ptr<transport::TTransport> wire,
                  std::shared_ptr<protocol::TProtocol> protocol) {
  wire->open();
  longerrors::ErrorsClient client(protocol);
  for (int length : {20, 127, 128, 300, 5000}) {
    try {
      std::string answer;
      client.fail(answer, length);
    } catch (const TApplicationException& error) {
      std::cout << name << ' ' << length << ' ' << error.getType() << ' ' << std::string(error.what()).size() << ' '
                << client.ping() << '\n';
    }
  }
  wire->close();
}

int main(int, char** argv) {
  for (const char* name : {"binary", "compact"}) {
    auto socket = std::make_shared<transport::TSocket>("127.0.0.1", std::stoi(argv[1]));
    auto framed = std::make_shared<transport::TFramedTransport>(socket);
    if (std::string(name) == "binary") calls(name, framed, std::make_shared<protocol::TBinaryProtocol>(framed));
    else calls(name, framed, std::make_shared<protocol::TCompactProtocol>(framed));
  }
}
