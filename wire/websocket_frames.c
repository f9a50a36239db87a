#include "wire/websocket_frames.h"

#include <wslay/wslay.h>

#include <stdlib.h>
#include <string.h>

struct ws_frames {
    struct ws_options options;
    struct ws_events events;
    void *arg;
    wslay_event_context_ptr context;
    struct bytes in;  /* while receiving: what wslay has not taken yet */
    struct text *out; /* while sending: where it goes */
    uint32_t fragments;
    int failure; /* nothing is read any more, and why */
    bool told;   /* `closed` was called */
};

static void tell_closed(struct ws_frames *f, int code, struct bytes reason)
{
    if (f->told)
        return;
    f->told = true;
    f->events.closed(f->arg, code, reason);
}

static ssize_t on_want(wslay_event_context_ptr context, uint8_t *out, size_t len, int flags, void *arg)
{
    struct ws_frames *f = arg;
    (void)flags;
    if (f->in.len == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = len < f->in.len ? len : f->in.len;
    memcpy(out, f->in.data, n);
    f->in = BYTES(f->in.data + n, f->in.len - n);
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *data, size_t len, int flags, void *arg)
{
    struct ws_frames *f = arg;
    (void)flags;
    text_add(f->out, data, len);
    if (!text_ok(f->out)) {
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr context, uint8_t *out, size_t len, void *arg)
{
    struct ws_frames *f = arg;
    (void)context;
    f->options.mask(f->arg, out, len);
    return 0;
}

/* wslay bounds a message's bytes, but keeps a block of memory for every frame of it. */
static void on_frame(wslay_event_context_ptr context, const struct wslay_event_on_frame_recv_start_arg *frame,
                     void *arg)
{
    static const char why[] = "too many fragments";
    struct ws_frames *f = arg;
    if (wslay_is_ctrl_frame(frame->opcode))
        return;
    f->fragments = frame->opcode == WSLAY_CONTINUATION_FRAME ? f->fragments + 1 : 1;
    if (f->fragments <= WS_FRAGMENTS_MAX)
        return;
    (void)wslay_event_queue_close(context, WS_POLICY, (const uint8_t *)why, sizeof why - 1);
    wslay_event_shutdown_read(context);
}

static void on_message(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    struct ws_frames *f = arg;
    (void)context;
    if (m->opcode == WSLAY_CONNECTION_CLOSE) {
        struct bytes reason =
            m->msg_length > 2 ? BYTES(m->msg + 2, m->msg_length - 2) : BYTES_NONE; /* after the code */
        int code = m->status_code != 0 ? m->status_code : m->msg_length == 0 ? WS_NO_STATUS : WS_PROTOCOL_ERROR;
        tell_closed(f, code, reason);
    } else if ((m->opcode == WSLAY_TEXT_FRAME || m->opcode == WSLAY_BINARY_FRAME) && !f->told) {
        f->events.message(f->arg, m->opcode == WSLAY_TEXT_FRAME, BYTES(m->msg, m->msg_length));
    }
}

int ws_frames_new(const struct ws_options *options, const struct ws_events *events, void *arg, struct ws_frames **out)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_want,
                                                           .send_callback = on_send,
                                                           .genmask_callback = on_mask,
                                                           .on_frame_recv_start_callback = on_frame,
                                                           .on_msg_recv_callback = on_message};
    struct ws_frames *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERROR_MEMORY;
    f->options = *options;
    f->events = *events;
    f->arg = arg;
    int rc = options->client ? wslay_event_context_client_init(&f->context, &callbacks, f)
                             : wslay_event_context_server_init(&f->context, &callbacks, f);
    if (rc != 0) {
        free(f);
        return ERROR_MEMORY;
    }
    wslay_event_config_set_max_recv_msg_length(f->context, options->message_max != 0 ? options->message_max
                                                                                     : WS_MESSAGE_MAX_DEFAULT);
    *out = f;
    return 0;
}

void ws_frames_free(struct ws_frames *f)
{
    if (f == NULL)
        return;
    wslay_event_context_free(f->context);
    free(f);
}

static int flush(struct ws_frames *f, struct text *out)
{
    f->out = out;
    int rc = wslay_event_send(f->context);
    f->out = NULL;
    return rc == 0 && text_ok(out) ? 0 : ERROR_MEMORY;
}

/* For a frame that makes no sense wslay closes without a code; the peer should hear 1002. */
static void write_protocol_error(struct ws_frames *f, struct text *out)
{
    uint8_t code[] = {WS_PROTOCOL_ERROR >> 8, WS_PROTOCOL_ERROR & 0xff}, mask[4];
    text_char(out, (char)0x88);
    text_char(out, (char)(f->options.client ? 0x82 : 0x02));
    if (f->options.client) {
        f->options.mask(f->arg, mask, sizeof mask);
        text_add(out, mask, sizeof mask);
        code[0] ^= mask[0];
        code[1] ^= mask[1];
    }
    text_add(out, code, sizeof code);
    wslay_event_shutdown_write(f->context);
}

int ws_frames_receive(struct ws_frames *f, struct bytes data, struct text *out)
{
    if (f->failure != 0 || !wslay_event_get_read_enabled(f->context))
        return f->failure;
    f->in = data;
    int rc = wslay_event_recv(f->context), code = WS_PROTOCOL_ERROR;
    f->in = BYTES_NONE;
    if (rc == WSLAY_ERR_NOMEM) {
        f->failure = ERROR_MEMORY;
    } else if (rc != 0) {
        write_protocol_error(f, out);
        f->failure = ERROR_PROTOCOL;
    } else if (flush(f, out) != 0) {
        f->failure = ERROR_MEMORY;
    } else if (wslay_event_get_read_enabled(f->context) || wslay_event_get_close_received(f->context)) {
        return 0;
    } else {
        if (wslay_event_get_close_sent(f->context))
            code = wslay_event_get_status_code_sent(f->context);
        f->failure = code == WS_TOO_BIG || code == WS_POLICY ? ERROR_LIMIT : ERROR_PROTOCOL;
    }
    tell_closed(f, f->failure == ERROR_MEMORY ? WS_ABNORMAL : code, BYTES_NONE);
    return f->failure;
}

static int queue(struct ws_frames *f, uint8_t opcode, struct bytes message, struct text *out)
{
    const struct wslay_event_msg m = {.opcode = opcode, .msg = message.data, .msg_length = message.len};
    int rc = wslay_event_queue_msg(f->context, &m);
    if (rc == WSLAY_ERR_NO_MORE_MSG)
        return ERROR_CLOSED;
    return rc == 0 ? flush(f, out) : rc == WSLAY_ERR_NOMEM ? ERROR_MEMORY : ERROR_INVALID;
}

int ws_frames_send(struct ws_frames *f, bool text, struct bytes message, struct text *out)
{
    return queue(f, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, message, out);
}

int ws_frames_ping(struct ws_frames *f, struct text *out)
{
    return queue(f, WSLAY_PING, BYTES_NONE, out);
}

int ws_frames_close(struct ws_frames *f, int code, const char *reason, struct text *out)
{
    size_t len = strlen(reason);
    if (len > WS_REASON_MAX - 1)
        len = WS_REASON_MAX - 1; /* wslay takes fewer than the RFC allows */
    while (len != 0 && len < strlen(reason) && ((uint8_t)reason[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    int rc = wslay_event_queue_close(f->context, (uint16_t)code, (const uint8_t *)reason, len);
    if (rc == WSLAY_ERR_NO_MORE_MSG)
        return ERROR_CLOSED;
    f->told = true;
    return rc == 0 ? flush(f, out) : rc == WSLAY_ERR_NOMEM ? ERROR_MEMORY : ERROR_INVALID;
}

bool ws_frames_over(const struct ws_frames *f)
{
    return !wslay_event_get_write_enabled(f->context) && !wslay_event_get_read_enabled(f->context);
}
