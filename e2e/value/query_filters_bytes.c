/* Filters between bytes and texts: sums, encodings, hex, base64. */
#include "base/base64.h"
#include "base/utf8.h"
#include "e2e/value/query_filter.h"

#include <errno.h>
#include <iconv.h>
#include <openssl/evp.h>
#include <string.h>

int query_run_hash(struct query_run *q, const char *name, struct bytes in, json_t **out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = strcmp(name, "MD5") == 0 ? EVP_md5() : strcmp(name, "SHA512") == 0 ? EVP_sha512() : EVP_sha256();
    if (EVP_Digest(in.len > 0 ? (const void *)in.data : "", in.len, sum, &len, md, NULL) != 1)
        return query_error(q, ERROR_UNSUPPORTED, "the sum cannot be made");
    return filter_give(q, query_bytes_value(BYTES(sum, len)), out);
}

static int hash(struct query_run *q, const char *name, const json_t *in, json_t **out)
{
    struct text bytes = TEXT_INIT;
    int code;
    if (query_take_bytes(q, in, &bytes))
        code = query_run_hash(q, name, text_bytes(&bytes), out);
    else if (json_is_string(in))
        code = query_run_hash(q, name, filter_string_bytes(in), out);
    else
        code = filter_wrong_input(q, in, name, "bytes or a text");
    text_deinit(&bytes);
    return code;
}

FILTER(sha256)
{
    UNUSED;
    return hash(q, "SHA256", in, out);
}

FILTER(md5)
{
    UNUSED;
    return hash(q, "MD5", in, out);
}

int query_decode(struct query_run *q, struct bytes in, const char *encoding, json_t **out)
{
    struct text text = TEXT_INIT;
    char buffer[4096], *from = (char *)(in.len > 0 ? (uintptr_t)in.data : (uintptr_t) "");
    size_t left = in.len;
    if (strcasecmp(encoding, "utf-8") == 0 || strcasecmp(encoding, "utf8") == 0) {
        if (!utf8_valid(in))
            return query_error(q, ERROR_INVALID, "this is not UTF-8 text");
        text_add(&text, in.data, in.len);
        return filter_give_text(q, &text, out);
    }
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1)
        return errno == ENOMEM ? flow_memory(q->x)
                               : query_error(q, ERROR_UNSUPPORTED, "there is no encoding \"%s\" here", encoding);
    bool ok = true;
    while (ok && left > 0) {
        char *to = buffer;
        size_t room = sizeof buffer;
        ok = iconv(cd, &from, &left, &to, &room) != (size_t)-1 || errno == E2BIG;
        text_add(&text, buffer, sizeof buffer - room);
    }
    iconv_close(cd);
    if (ok)
        return filter_give_text(q, &text, out);
    text_deinit(&text);
    return query_error(q, ERROR_INVALID, "this is no text in %s", encoding);
}

FILTER(decode)
{
    struct text bytes = TEXT_INIT;
    int code = query_take_bytes(q, in, &bytes) ? query_decode(q, text_bytes(&bytes), json_string_value(args[0]), out)
                                               : filter_wrong_input(q, in, "decode", "bytes");
    text_deinit(&bytes);
    return code;
}

FILTER(utf8_decode)
{
    struct text bytes = TEXT_INIT;
    UNUSED;
    int code = query_take_bytes(q, in, &bytes) ? query_decode(q, text_bytes(&bytes), "utf-8", out)
                                               : filter_wrong_input(q, in, "utf8Decode", "bytes");
    text_deinit(&bytes);
    return code;
}

FILTER(utf8_encoded)
{
    UNUSED;
    return json_is_string(in) ? filter_give(q, query_bytes_value(filter_string_bytes(in)), out)
                              : filter_wrong_input(q, in, "utf8Encode", "a text");
}

FILTER(to_hex)
{
    struct text bytes = TEXT_INIT, hex = TEXT_INIT;
    UNUSED;
    if (!query_take_bytes(q, in, &bytes))
        return filter_wrong_input(q, in, "toHex", "bytes");
    for (size_t i = 0; i < bytes.len; i++)
        text_printf(&hex, "%02x", (unsigned)(unsigned char)bytes.data[i]);
    text_deinit(&bytes);
    return filter_give_text(q, &hex, out);
}

static int from_base64(struct query_run *q, const json_t *in, bool url, json_t **out)
{
    struct text bytes = TEXT_INIT;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, url ? "base64UrlSafeDecode" : "base64Decode", "a text");
    int code = base64_read(&bytes, filter_string_bytes(in), url ? BASE64_URL : 0)
                   ? filter_give(q, text_ok(&bytes) ? query_bytes_value(text_bytes(&bytes)) : NULL, out)
                   : filter_wrong_input(q, in, "it", "base64");
    text_deinit(&bytes);
    return code;
}

FILTER(base64_decoded)
{
    UNUSED;
    return from_base64(q, in, false, out);
}

FILTER(base64_url_decoded)
{
    UNUSED;
    return from_base64(q, in, true, out);
}

static int to_base64(struct query_run *q, const json_t *in, bool url, json_t **out)
{
    struct text bytes = TEXT_INIT, coded = TEXT_INIT;
    bool is = query_take_bytes(q, in, &bytes);
    if (json_is_string(in))
        text_add(&bytes, json_string_value(in), json_string_length(in));
    else if (!is)
        return filter_wrong_input(q, in, url ? "base64UrlSafeEncode" : "base64Encode", "bytes");
    if (url)
        base64_encode_url(&coded, text_bytes(&bytes));
    else
        base64_encode(&coded, text_bytes(&bytes));
    text_deinit(&bytes);
    return filter_give_text(q, &coded, out);
}

FILTER(base64_encoded)
{
    UNUSED;
    return to_base64(q, in, false, out);
}

FILTER(base64_url_encoded)
{
    UNUSED;
    return to_base64(q, in, true, out);
}
