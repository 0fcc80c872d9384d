// Errors of any length, read by the libraries of Apache.
namespace go longerrors
namespace cpp longerrors

service Errors {
  string fail(1: i32 length)
  i32 ping()
}
