// Errors of growing length: each is read whole, and the connection goes on. Prints what it read.
const thrift = require('thrift');
const Errors = require(`${process.argv[3]}/Errors.js`);

async function calls(name, protocol) {
  const connection = thrift.createConnection('127.0.0.1', Number(process.argv[2]), {
    transport: thrift.TFramedTransport,
    protocol,
  });
  const client = thrift.createClient(Errors, connection);
  for (const length of [20, 127, 128, 300, 5000]) {
    const error = await client.fail(length).catch((one) => one);
    console.log(name, length, error.type, error.message.length, await client.ping());
  }
  connection.end();
}

calls('binary', thrift.TBinaryProtocol).then(() => calls('compact', thrift.TCompactProtocol));
