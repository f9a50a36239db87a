#include "wire/websocket_frames.h"

#include <openssl/evp.h>

#include <string.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */

static bool accept_of(const char *key, size_t len, char out[WS_ACCEPT_SIZE])
{
    uint8_t text[WS_KEY_SIZE + sizeof guid], digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    memcpy(text, key, len);
    memcpy(text + len, guid, sizeof guid - 1);
    if (EVP_Digest(text, len + sizeof guid - 1, digest, &digest_len, EVP_sha1(), NULL) != 1)
        return false;
    (void)EVP_EncodeBlock((unsigned char *)out, digest, (int)digest_len);
    return true;
}

bool ws_is_wanted(const struct http1_head *head)
{
    return head->upgrade && http1_list_has(head, "upgrade", "websocket");
}

/* How often a header is there. */
static size_t count_of(const struct http1_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++)
        count += http1_header_is(&head->headers[i], name);
    return count;
}

/* Sixteen bytes in base64: 22 characters and two of padding. */
static bool is_key(struct bytes key)
{
    if (key.len != WS_KEY_SIZE - 1 || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        uint8_t c = key.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return strchr("AQgw", key.data[21]) != NULL; /* the bits beyond the sixteenth byte are 0 */
}

static int refuse(int code, const char *words, int *status, const char **why)
{
    *status = code;
    *why = words;
    return ERROR_PROTOCOL;
}

int ws_check_request(const struct http1_head *head, char accept[WS_ACCEPT_SIZE], int *status, const char **why)
{
    struct bytes key = http1_find(head, "sec-websocket-key");
    if (!bytes_is(head->method, "GET"))
        return refuse(405, "a WebSocket begins with GET", status, why);
    if (!ws_is_wanted(head) || head->minor < 1)
        return refuse(400, "not a request for a WebSocket", status, why);
    if (head->length != 0)
        return refuse(400, "a request for a WebSocket has no body", status, why);
    if (count_of(head, "sec-websocket-version") != 1 || !bytes_is(http1_find(head, "sec-websocket-version"), "13"))
        return refuse(426, "the WebSocket version must be 13", status, why);
    if (count_of(head, "sec-websocket-key") != 1 || !is_key(key))
        return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64", status, why);
    if (!accept_of((const char *)key.data, key.len, accept))
        return refuse(503, "SHA-1 is not at hand", status, why);
    return 0;
}

void ws_make_key(const uint8_t nonce[16], char key[WS_KEY_SIZE])
{
    (void)EVP_EncodeBlock((unsigned char *)key, nonce, 16);
}

bool ws_check_answer(const struct http1_head *head, const char *key, const char **why)
{
    char accept[WS_ACCEPT_SIZE];
    *why = "the server did not switch to WebSocket";
    if (head->status != 101 || !http1_list_has(head, "upgrade", "websocket") ||
        !http1_list_has(head, "connection", "upgrade"))
        return false;
    *why = "the server's Sec-WebSocket-Accept does not fit the key";
    if (count_of(head, "sec-websocket-accept") != 1 || strlen(key) != WS_KEY_SIZE - 1 ||
        !accept_of(key, strlen(key), accept) || !bytes_is(http1_find(head, "sec-websocket-accept"), accept))
        return false;
    *why = "the server chose an extension or a subprotocol nobody offered";
    return count_of(head, "sec-websocket-extensions") == 0 && count_of(head, "sec-websocket-protocol") == 0;
}
