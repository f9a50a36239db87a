/* Operators on the HTTP around the JSON: whole requests, byte by byte. */
#include "fuzz/gateway/template.h"

#define HTTP(name, expect, also, template, summary)                                                                    \
    {                                                                                                                  \
        name, summary, expect, also, FIELD_NONE, true, template                                                        \
    }
/* Behind the first line; a request with that line and all that makes it right; the same by its path alone. */
#define HOST       "\r\nHost: $H\r\n$A"
#define LINE(line) line HOST REST
#define PATH(path) LINE("POST " path " HTTP/1.1")
#define HEAD       "POST $P HTTP/1.1" HOST
#define REST       JSON LENGTH BODY
#define JSON       "Content-Type: application/json\r\n"
#define LENGTH     "Content-Length: $L\r\n"
#define BODY       "\r\n$J"
#define CLOSE      "Connection: close\r\n"
#define CHUNKED    "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNK      "2\r\n{}\r\n0\r\n\r\n"
#define MEASURED   "Content-Length: $=\r\n\r\n"
#define FORM       HEAD "Content-Type: application/x-www-form-urlencoded\r\n"
/* `more`: parameters of the type. */
#define MULTIPART(more) HEAD "Content-Type: multipart/form-data" more "\r\n" MEASURED
#define BOUNDARY        "; boundary=b"
#define PART            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
#define LAST            "--b--\r\n"
#define FIFTY           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

const struct gateway_operator gateway_http_operators[] = {
    HTTP("plain", EXPECT_OK, 0, HEAD REST, "the base, byte by byte"),
    /* Content types and bodies. */
    HTTP("type-charset", EXPECT_OK, 0, HEAD "Content-Type: application/json; charset=utf-8\r\n" LENGTH BODY,
         "a type with its charset"),
    HTTP("type-case", EXPECT_OK, 0, HEAD "content-TYPE: Application/JSON\r\n" LENGTH BODY, "another case"),
    HTTP("type-missing", EXPECT_ANY, 0, HEAD LENGTH BODY, "no content type"),
    HTTP("type-unknown", EXPECT_REFUSED, 0, HEAD "Content-Type: text/html\r\n" LENGTH BODY, "a type it cannot read"),
    HTTP("type-broken", EXPECT_ANY, 0, HEAD "Content-Type: ;;=/\r\n" LENGTH BODY, "no type at all"),
    HTTP("type-protobuf", EXPECT_ANY, 0, HEAD "Content-Type: application/protobuf\r\n" LENGTH BODY,
         "JSON that says it is protobuf"),
    HTTP("type-twice", EXPECT_ANY, 0, HEAD JSON "Content-Type: text/html\r\n" LENGTH BODY, "two types"),
    HTTP("body-none", EXPECT_ANY, 0, HEAD JSON "\r\n", "no body and no length"),
    HTTP("body-empty", EXPECT_ANY, 0, HEAD JSON "Content-Length: 0\r\n\r\n", "an empty body"),
    HTTP("body-get", EXPECT_ANY, 0, LINE("GET $P HTTP/1.1"), "a body with GET"),
    /* Where a body ends: RFC 9112, 6. */
    HTTP("chunked", EXPECT_OK, 0, HEAD JSON CHUNKED "1\r\n \r\n$x\r\n$J\r\n000\r\n\r\n", "the body in chunks"),
    HTTP("chunk-bad-size", EXPECT_CUT, 0, HEAD JSON CHUNKED "zz\r\n{}\r\n0\r\n\r\n",
         "a chunk's size that is no number"),
    HTTP("chunk-negative", EXPECT_CUT, 0, HEAD JSON CHUNKED "-2\r\n{}\r\n0\r\n\r\n", "a chunk of less than nothing"),
    HTTP("chunk-huge", EXPECT_CUT, 0, HEAD JSON CHUNKED "FFFFFFFFFFFFFFFFF\r\n{}$!", "a chunk's size beyond 64 bits"),
    HTTP("chunk-short", EXPECT_CUT, 0, HEAD JSON CHUNKED "1\r\n{}\r\n0\r\n\r\n",
         "more bytes than the chunk's size says"),
    HTTP("chunk-cut", EXPECT_CUT, 0, HEAD JSON CHUNKED "2\r\n{}\r\n$!", "no last chunk"),
    HTTP("chunk-extension", EXPECT_ANY, 0, HEAD JSON CHUNKED "2;a=\"b\"\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
         "extensions and a trailer"),
    HTTP("chunk-line-long", EXPECT_CUT, 0, HEAD JSON CHUNKED "2;$a\r\n{}\r\n0\r\n\r\n", "an extension of 70,000 bytes"),
    HTTP("length-short", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: $l\r\n" BODY,
         "the length says half: the object is cut"),
    HTTP("length-long", EXPECT_CUT, 0, HEAD JSON "Content-Length: $m\r\n" BODY "$!", "the length says more than comes"),
    HTTP("length-two", EXPECT_REFUSED, 0, HEAD JSON LENGTH "Content-Length: 1\r\n" BODY, "two lengths that differ"),
    HTTP("length-list", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: $L, 1\r\n" BODY, "two lengths in one line"),
    HTTP("length-same-twice", EXPECT_ANY, 0, HEAD JSON LENGTH LENGTH BODY, "the same length twice"),
    HTTP("length-negative", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: -1\r\n" BODY, "less than nothing"),
    HTTP("length-plus", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: +$L\r\n" BODY, "a plus sign"),
    HTTP("length-hex", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: 0x10\r\n" BODY, "a hexadecimal length"),
    HTTP("length-blank", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: 1 0\r\n" BODY, "a blank between digits"),
    HTTP("length-empty", EXPECT_REFUSED, 0, HEAD JSON "Content-Length:\r\n" BODY, "no digits"),
    HTTP("length-over", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: 99999999999999999999999\r\n" BODY,
         "a length beyond 64 bits"),
    HTTP("length-too-large", EXPECT_REFUSED, 0, HEAD JSON "Content-Length: 99999999999\r\n" BODY,
         "a length beyond every limit"),
    HTTP("smuggle-cl-te", EXPECT_REFUSED, 0, HEAD JSON LENGTH CHUNKED CHUNK, "a length and chunks"),
    HTTP("smuggle-te-twice", EXPECT_REFUSED, 501,
         HEAD JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" CHUNK,
         "chunks that are not the last coding"),
    HTTP("smuggle-te-odd", EXPECT_REFUSED, 501, HEAD JSON "Transfer-Encoding: xchunked\r\n\r\n" CHUNK,
         "a coding that only sounds like it"),
    HTTP("smuggle-te-vt", EXPECT_REFUSED, 501, HEAD JSON "Transfer-Encoding: \vchunked\r\n\r\n" CHUNK,
         "a control character before the coding"),
    HTTP("te-gzip", EXPECT_REFUSED, 501, HEAD JSON "Transfer-Encoding: gzip, chunked\r\n\r\n" CHUNK,
         "a coding few know"),
    HTTP("te-http10", EXPECT_CUT, 0, "POST $P HTTP/1.0" HOST JSON CHUNKED CHUNK, "chunks in HTTP/1.0"),
    /* Header lines: RFC 9112, 5. */
    HTTP("header-space-colon", EXPECT_REFUSED, 0, HEAD "X-Odd : 1\r\n" REST, "a blank before the colon"),
    HTTP("header-space-first", EXPECT_REFUSED, 0, LINE("POST $P HTTP/1.1\r\n X-Odd: 1"),
         "a blank before the first line"),
    HTTP("header-fold", EXPECT_ANY, 0, HEAD "X-Odd: a\r\n b\r\n" REST, "a folded line"),
    HTTP("header-bare-cr", EXPECT_REFUSED, 0, HEAD "X-Odd: a\rb\r\n" REST, "a lone CR"),
    HTTP("header-bare-lf", EXPECT_ANY, 0, "POST $P HTTP/1.1\nHost: $H\n" CLOSE "Content-Length: 0\n\n",
         "lines that end in LF alone"),
    HTTP("header-nul", EXPECT_REFUSED, 0, HEAD "X-Odd: a$0b\r\n" REST, "a NUL in a value"),
    HTTP("header-no-colon", EXPECT_REFUSED, 0, HEAD "X-Odd\r\n" REST, "no colon"),
    HTTP("header-no-name", EXPECT_REFUSED, 0, HEAD ": 1\r\n" REST, "no name"),
    HTTP("header-name-odd", EXPECT_REFUSED, 0, HEAD "X(Odd): 1\r\n" REST, "a name that is no token"),
    HTTP("header-utf8", EXPECT_ANY, 0, HEAD "X-Odd: \xC3\xA9\r\n" REST, "bytes beyond ASCII in a value"),
    HTTP("header-many", EXPECT_REFUSED, 0, HEAD "$h" REST, "200 lines"),
    HTTP("header-long", EXPECT_REFUSED, 0, HEAD "X-Long: $a\r\n" REST, "a value of 70,000 bytes"),
    HTTP("header-name-long", EXPECT_REFUSED, 0, HEAD "$a: 1\r\n" REST, "a name of 70,000 bytes"),
    HTTP("host-missing", EXPECT_REFUSED, 0, "POST $P HTTP/1.1\r\n$A" REST, "no Host"),
    HTTP("host-twice", EXPECT_REFUSED, 0, HEAD "Host: other\r\n" REST, "two hosts"),
    HTTP("host-odd", EXPECT_ANY, 0, "POST $P HTTP/1.1\r\nHost: a b/c?\r\n$A" REST, "no host's name"),
    HTTP("expect-continue", EXPECT_OK, 0, HEAD "Expect: 100-continue\r\n" REST, "it asks to go on"),
    HTTP("expect-unknown", EXPECT_ANY, 0, HEAD "Expect: the-worst\r\n" REST, "it expects what nobody knows"),
    HTTP("upgrade-h2c", EXPECT_ANY, 0,
         HEAD "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" REST,
         "it asks for HTTP/2"),
    HTTP("authorization-twice", EXPECT_ANY, 0, HEAD "Authorization: Bearer x\r\n" REST, "two tokens"),
    HTTP("authorization-basic", EXPECT_REFUSED, 0, "POST $P HTTP/1.1\r\nHost: $H\r\nAuthorization: Basic YTpi\r\n" REST,
         "another scheme"),
    HTTP("authorization-bad", EXPECT_REFUSED, 0, "POST $P HTTP/1.1\r\nHost: $H\r\nAuthorization: Bearer x.y.z\r\n" REST,
         "no token of anybody"),
    HTTP("encoding-gzip", EXPECT_ANY, 0, HEAD "Content-Encoding: gzip\r\n" REST, "a body that is not gzip"),
    /* The first line: RFC 9112, 3. */
    HTTP("version-10", EXPECT_ANY, 0, LINE("POST $P HTTP/1.0"), "HTTP/1.0"),
    HTTP("version-20", EXPECT_REFUSED, 505, LINE("POST $P HTTP/2.0"), "HTTP/2.0 in words"),
    HTTP("version-99", EXPECT_REFUSED, 505, LINE("POST $P HTTP/9.9"), "a version to come"),
    HTTP("version-missing", EXPECT_CUT, 505, "POST $P\r\nHost: $H\r\n\r\n", "no version"),
    HTTP("version-case", EXPECT_REFUSED, 505, LINE("POST $P http/1.1"), "another case"),
    HTTP("line-blank-first", EXPECT_ANY, 0, "\r\n" HEAD REST, "a blank line first"),
    HTTP("line-two-spaces", EXPECT_REFUSED, 0, LINE("POST  $P HTTP/1.1"), "two blanks"),
    HTTP("line-tab", EXPECT_REFUSED, 0, LINE("POST\t$P\tHTTP/1.1"), "tabs for blanks"),
    HTTP("method-lower", EXPECT_REFUSED, 501, LINE("post $P HTTP/1.1"), "post"),
    HTTP("method-unknown", EXPECT_REFUSED, 501, LINE("BREW $P HTTP/1.1"), "BREW"),
    HTTP("method-trace", EXPECT_REFUSED, 501, "TRACE $P HTTP/1.1\r\nHost: $H\r\n$A\r\n", "TRACE"),
    HTTP("method-connect", EXPECT_REFUSED, 501, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n$A\r\n", "CONNECT"),
    HTTP("method-odd", EXPECT_REFUSED, 501, LINE("PO(T $P HTTP/1.1"), "no token"),
    HTTP("method-long", EXPECT_REFUSED, 501, "$a $P HTTP/1.1\r\nHost: $H\r\n\r\n", "a method of 70,000 bytes"),
    HTTP("method-options", EXPECT_ANY, 0, "OPTIONS $P HTTP/1.1\r\nHost: $H\r\nOrigin: http://a\r\n\r\n", "a preflight"),
    HTTP("method-head", EXPECT_ANY, 0, "HEAD $P HTTP/1.1\r\nHost: $H\r\n$A" CLOSE "\r\n", "HEAD"),
    HTTP("pipelined", EXPECT_OK, 0, HEAD REST HEAD REST, "two requests at once"),
    HTTP("tls-hello", EXPECT_CUT, 0,
         "\x16\x03\x01$0\x31\x01$0$0\x2d\x03\x03"
         "0123456789abcdef0123456789abcdef"
         "$0$0\x02\x13\x01\x01$0$0\x02$0$0$!",
         "TLS where none is"),
    HTTP("preface-h2", EXPECT_CUT, 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$!", "the preface of HTTP/2"),
    HTTP("nothing", EXPECT_CUT, 0, "$!", "a connection without a word"),
    HTTP("head-cut", EXPECT_CUT, 0, "POST $P HTTP/1.1\r\nHost: $H\r\nX-Odd$!", "half a head"),
    /* Paths: RFC 3986. */
    HTTP("path-absolute", EXPECT_ANY, 0, PATH("http://$H$P"), "the whole URL"),
    HTTP("path-empty", EXPECT_REFUSED, 0, LINE("POST  HTTP/1.1"), "no path"),
    HTTP("path-relative", EXPECT_REFUSED, 0, PATH("a/b"), "no slash first"),
    HTTP("path-star", EXPECT_REFUSED, 0, PATH("*"), "a star"),
    HTTP("path-nul", EXPECT_REFUSED, 0, PATH("$P%00"), "a NUL by %00"),
    HTTP("path-escape-bad", EXPECT_REFUSED, 0, PATH("$P%zz"), "a percent sign without digits"),
    HTTP("path-escape-cut", EXPECT_REFUSED, 0, PATH("$P%2"), "half an escape"),
    HTTP("path-slash-escaped", EXPECT_ANY, 0, PATH("%2f$P"), "a slash by %2f"),
    HTTP("path-dots", EXPECT_ANY, 0, PATH("/a/..$P"), "up and down again"),
    HTTP("path-dots-above", EXPECT_ANY, 0, PATH("/../../..$P"), "above the root"),
    HTTP("path-dots-escaped", EXPECT_ANY, 0, "POST /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: $H\r\n$A\r\n",
         "above the root, escaped"),
    HTTP("path-slashes", EXPECT_ANY, 0, PATH("//$P//"), "more slashes"),
    HTTP("path-space", EXPECT_REFUSED, 0, LINE("POST $P x HTTP/1.1"), "a blank in it"),
    HTTP("path-control", EXPECT_REFUSED, 0, PATH("$P\x01"), "a control character"),
    HTTP("path-utf8", EXPECT_REFUSED, 0, PATH("$P%ff%fe"), "no UTF-8"),
    HTTP("path-fragment", EXPECT_ANY, 0, PATH("$P#a"), "a fragment"),
    HTTP("path-long", EXPECT_REFUSED, 0, "POST /$a HTTP/1.1\r\nHost: $H\r\n$A\r\n", "70,000 bytes"),
    HTTP("path-parts", EXPECT_REFUSED, 0, "POST /$p HTTP/1.1\r\nHost: $H\r\n$A\r\n", "20,000 parts"),
    HTTP("path-unknown", EXPECT_REFUSED, 0,
         "POST /nosuchservice/Nothing/Here HTTP/1.1\r\nHost: $H\r\n$A" JSON "Content-Length: 2\r\n\r\n{}",
         "a service nobody runs"),
    HTTP("path-no-method", EXPECT_REFUSED, 0, PATH("$PNoSuchMethod"), "a method it does not have"),
    /* Queries and forms. */
    HTTP("query-empty", EXPECT_OK, 0, PATH("$P?"), "a bare question mark"),
    HTTP("query-percent", EXPECT_REFUSED, 0, PATH("$P?a=%zz"), "a bad escape"),
    HTTP("query-nul", EXPECT_REFUSED, 0, PATH("$P?a=%00"), "a NUL"),
    HTTP("query-utf8", EXPECT_REFUSED, 0, PATH("$P?a=%ff"), "no UTF-8"),
    HTTP("query-twice", EXPECT_ANY, 0, PATH("$P?a=1&a=2&a=3"), "one name three times"),
    HTTP("query-both", EXPECT_ANY, 0, PATH("$P?a=1&a.b=2"), "one name as a value and as an object"),
    HTTP("query-deep", EXPECT_REFUSED, 0, PATH("$P?$db=1"), "100 objects"),
    HTTP("query-many", EXPECT_REFUSED, 0, PATH("$P?$fb=1"), "1,500 values"),
    HTTP("query-odd", EXPECT_ANY, 0, PATH("$P?&&=&=1&a&;b"), "empty names and values"),
    HTTP("form", EXPECT_ANY, 0, FORM MEASURED "a=1&b=2", "a form"),
    HTTP("form-percent", EXPECT_REFUSED, 0, FORM MEASURED "a=%zz", "a bad escape"),
    HTTP("form-json", EXPECT_ANY, 0, FORM LENGTH BODY, "JSON that says it is a form"),
    /* Multipart: RFC 7578 and RFC 2046. */
    HTTP("multipart", EXPECT_ANY, 0, MULTIPART(BOUNDARY) PART LAST, "one part"),
    HTTP("multipart-no-boundary", EXPECT_REFUSED, 0, MULTIPART("") PART LAST, "no boundary"),
    HTTP("multipart-other-boundary", EXPECT_REFUSED, 0, MULTIPART("; boundary=other") PART LAST, "another boundary"),
    HTTP("multipart-cut", EXPECT_REFUSED, 0, MULTIPART(BOUNDARY) PART, "no last boundary"),
    HTTP("multipart-no-name", EXPECT_REFUSED, 0,
         MULTIPART(BOUNDARY) "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n" LAST, "a part without a name"),
    HTTP("multipart-no-head", EXPECT_REFUSED, 0, MULTIPART(BOUNDARY) "--b\r\n\r\n1\r\n" LAST, "a part without a head"),
    HTTP("multipart-nested", EXPECT_ANY, 0,
         MULTIPART(BOUNDARY) "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; "
                             "boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c--\r\n\r\n" LAST,
         "parts in a part"),
    HTTP("multipart-many", EXPECT_REFUSED, 0, MULTIPART(BOUNDARY) "$w" LAST, "1,500 parts"),
    HTTP("multipart-name-long", EXPECT_REFUSED, 0,
         MULTIPART(BOUNDARY) "--b\r\nContent-Disposition: form-data; name=\"$a\"\r\n\r\n1\r\n" LAST,
         "a name of 70,000 bytes"),
    HTTP("multipart-boundary-long", EXPECT_REFUSED, 0, MULTIPART("; boundary=" FIFTY FIFTY) "{}",
         "a boundary of 100 bytes"),
    HTTP("multipart-boundary-quoted", EXPECT_REFUSED, 0, MULTIPART("; boundary=\"b") "{}", "a quote that does not end"),
};
const size_t gateway_http_count = sizeof gateway_http_operators / sizeof gateway_http_operators[0];
