import org.apache.thrift.TApplicationException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import org.apache.thrift.transport.layered.TFramedTransport;

/** Errors of growing length: each is read whole, and the connection goes on. Prints what it read. */
public class LongErrors {
  public static void main(String[] args) throws Exception {
    for (String name : new String[] {"binary", "compact"}) {
      TTransport wire = new TFramedTransport(new TSocket("127.0.0.1", Integer.parseInt(args[0])));
      wire.open();
      TProtocol protocol = name.equals("binary") ? new TBinaryProtocol(wire) : new TCompactProtocol(wire);
      Errors.Client client = new Errors.Client(protocol);
      for (int length : new int[] {20, 127, 128, 300, 5000}) {
        try {
          client.fail(length);
        } catch (TApplicationException error) {
          int read = error.getMessage().length();
          System.out.println(name + " " + length + " " + error.getType() + " " + read + " " + client.ping());
        }
      }
      wire.close();
    }
  }
}
