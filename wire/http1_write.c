#include "wire/http1_internal.h"

void http1_write_request(struct text *out, const char *method, const char *target)
{
    text_puts(out, method);
    text_char(out, ' ');
    text_puts(out, target);
    text_puts(out, " HTTP/1.1\r\n");
}

void http1_write_response(struct text *out, int status)
{
    text_printf(out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
}

bool http1_write_header(struct text *out, const char *name, struct bytes value)
{
    return http1_write_field(out, bytes_of(name), value);
}

bool http1_write_field(struct text *out, struct bytes name, struct bytes value)
{
    if (!http1_is_token(name))
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (!http1_value_char(value.data[i]))
            return false;
    text_add(out, name.data, name.len);
    text_puts(out, ": ");
    text_add(out, value.data, value.len);
    text_puts(out, "\r\n");
    return true;
}

void http1_write_end(struct text *out)
{
    text_puts(out, "\r\n");
}

void http1_write_chunk(struct text *out, struct bytes piece)
{
    if (piece.len == 0) {
        text_puts(out, "0\r\n\r\n");
        return;
    }
    text_printf(out, "%zx\r\n", piece.len);
    text_add(out, piece.data, piece.len);
    text_puts(out, "\r\n");
}

/* RFC 9110, 15, with the additions of RFC 6585 (428, 429, 431), RFC 8297 (103) and RFC 7725 (451). */
const char *http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status"; /* the phrase carries no meaning, but some readers choke on an empty one */
}

bool http1_url_decode(struct bytes in, bool plus, struct text *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (c == '%') {
            int high = i + 2 < in.len ? bytes_hex_value(in.data[i + 1]) : -1;
            int low = i + 2 < in.len ? bytes_hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        text_char(out, (char)c);
    }
    return true;
}
