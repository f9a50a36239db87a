/* HTML. Whatever is put into a page goes through web_escape(). */
#include "runtime/web/web.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:0 1rem 3rem}"
    "header{display:flex;gap:1.5rem;align-items:baseline;padding:1rem 0;border-bottom:1px solid #8886}"
    "header a:first-child{font-weight:700;font-size:1.25rem}a{color:inherit}"
    "nav{display:flex;gap:1rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .75rem .35rem 0;"
    "border-bottom:1px solid #8884;vertical-align:top}"
    "pre{background:#8882;padding:1rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}"
    "label{display:block;margin:.75rem 0 .2rem}small{opacity:.7}"
    "input,select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}"
    "textarea{min-height:4rem;font-family:monospace}fieldset{margin:1rem 0;border:1px solid #8886}"
    "button{font:inherit;margin-top:1rem;padding:.4rem 1.2rem}.problem{border-left:4px solid #c33;padding-left:1rem}";

void web_escape_bytes(struct text *out, struct bytes words)
{
    for (size_t i = 0; i < words.len;) {
        unsigned char c = words.data[i];
        /* The length a lead byte says, and whether its followers are there (RFC 3629; the last range is enough here:
         * what is overlong is shown by the browser as it pleases and is still no markup). */
        size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
        bool whole = n > 0 && i + n <= words.len;
        for (size_t k = 1; whole && k < n; k++)
            whole = (words.data[i + k] & 0xc0) == 0x80;
        if (!whole || (c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 127) {
            text_puts(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        switch (c) {
        case '&':
            text_puts(out, "&amp;");
            break;
        case '<':
            text_puts(out, "&lt;");
            break;
        case '>':
            text_puts(out, "&gt;");
            break;
        case '"':
            text_puts(out, "&quot;");
            break;
        case '\'':
            text_puts(out, "&#39;");
            break;
        default:
            text_add(out, words.data + i, n);
        }
        i += n;
    }
}

void web_escape(struct text *out, const char *words)
{
    web_escape_bytes(out, bytes_of(words));
}

void web_page_begin(struct web_visit *v, struct text *out, const char *title)
{
    text_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    web_escape(out, title);
    text_puts(out, " | Micro</title><link rel=\"stylesheet\" href=\"/assets/web.css\"></head>\n<body><header>"
                   "<a href=\"/\">Micro</a>");
    if (v->token)
        text_puts(out, "<nav><a href=\"/services\">Services</a><a href=\"/logout\">Logout</a></nav>");
    text_puts(out, "</header><main>\n<h1>");
    web_escape(out, title);
    text_puts(out, "</h1>\n");
}

static void add_headers(struct http_exchange *x)
{
    http_add_header(
        x, "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    http_add_header(x, "X-Frame-Options", "DENY");
    http_add_header(x, "Referrer-Policy", "same-origin");
    http_add_header(x, "Cache-Control", "no-store");
}

void web_page_end(struct web_visit *v, struct text *out, int status)
{
    char cookie[120];
    text_puts(out, "</main></body></html>\n");
    add_headers(v->x);
    if (v->nonce_fresh) {
        snprintf(cookie, sizeof cookie, "micro-web=%s; Path=/; HttpOnly; SameSite=Strict", v->nonce);
        http_add_header(v->x, "Set-Cookie", cookie);
    }
    if (text_ok(out))
        http_respond(v->x, status, "text/html; charset=utf-8", text_bytes(out));
    else
        http_respond(v->x, 503, "text/plain; charset=utf-8", bytes_of("out of memory\n"));
    text_deinit(out);
}

void web_problem(struct web_visit *v, int status, const char *title, const char *words)
{
    struct text page = TEXT_INIT;
    web_page_begin(v, &page, title);
    text_puts(&page, "<p class=\"problem\">");
    web_escape(&page, words);
    text_puts(&page, "</p>\n");
    web_page_end(v, &page, status);
}

void web_style(struct http_exchange *x)
{
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    http_add_header(x, "Cache-Control", "max-age=3600");
    http_respond(x, 200, "text/css; charset=utf-8", bytes_of(style));
}
