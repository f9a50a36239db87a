#include "fuzz/frames/operators.h"

#include "fuzz/frames/build.h"

#define C(code) (UINT32_C(1) << H2_##code)
#define CALM    C(ENHANCE_YOUR_CALM)
#define CONN    ANSWER_CONNECTION
#define STREAM  ANSWER_STREAM
#define REFUSAL ANSWER_REFUSAL
#define FINE    ANSWER_FINE
#define SILENCE ANSWER_SILENCE

#define ONE(name_, rule_, place_, type_, flags_, stream_, payload_, answers_, codes_, summary_)                        \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .place = place_,      \
        .stream = stream_, .type = type_, .flags = flags_, .payload = payload_, .payload_len = sizeof(payload_) - 1    \
    }
#define FIELDS(name_, rule_, answers_, codes_, summary_, fields_)                                                      \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .fields = fields_     \
    }
#define BUILT(name_, rule_, build_, answers_, codes_, summary_)                                                        \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .build = build_       \
    }
/* Whoever defends itself may choose the word for it: 10.5 has ENHANCE_YOUR_CALM as a MAY. */
#define HELD(name_, rule_, build_, answers_, codes_, summary_)                                                         \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .build = build_,      \
        .place = PLACE_HELD                                                                                            \
    }
/* What is asked for is much, and is sent as far as it is asked for. */
#define LARGE(name_, rule_, build_, answers_, codes_, summary_)                                                        \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .build = build_,      \
        .large = true, .limits = {                                                                                     \
            .reply = 10000,                                                                                            \
            .memory = 1000000,                                                                                         \
            .cpu = 1000000                                                                                             \
        }                                                                                                              \
    }
/* Sent as flow control allows. */
#define POLITE(name_, rule_, build_, answers_, codes_, summary_)                                                       \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = codes_, .build = build_,      \
        .polite = true                                                                                                 \
    }
#define FLOOD(name_, rule_, build_, answers_, reply_, memory_, cpu_, summary_)                                         \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .rule = rule_, .answers = answers_, .codes = FRAMES_ANY_CODE,              \
        .build = build_, .limits = {                                                                                   \
            .reply = reply_,                                                                                           \
            .memory = memory_,                                                                                         \
            .cpu = cpu_                                                                                                \
        }                                                                                                              \
    }

#define HEAD   ":method: POST\n:scheme: http\n:path: @\n:authority: $\n"
#define GRPC   "content-type: application/grpc\nte: trailers\n"
#define EIGHT  "12345678"
#define HPACK  "7541"
#define BROKEN (C(COMPRESSION_ERROR) | C(PROTOCOL_ERROR))

const struct frame_operator frame_operators[] = {
    /* ---- the beginning ---- */
    BUILT("preface-cut", "3.4", op_preface_cut, CONN | SILENCE, C(PROTOCOL_ERROR) | C(SETTINGS_TIMEOUT),
          "ten bytes of the preface, then nothing"),
    BUILT("preface-wrong", "3.4", op_preface_wrong, CONN, C(PROTOCOL_ERROR), "HTTP/2.1 in the preface"),
    BUILT("preface-twice", "4.2", op_preface_twice, CONN | STREAM, C(FRAME_SIZE_ERROR) | C(PROTOCOL_ERROR),
          "the preface again, behind the greeting"),
    BUILT("http1-upgrade", "3.4", op_http1_upgrade, CONN, C(PROTOCOL_ERROR) | C(HTTP_1_1_REQUIRED),
          "an HTTP/1.1 request that asks for h2c"),
    BUILT("http1-two-lengths", "3.4", op_http1_two_lengths, CONN, C(PROTOCOL_ERROR) | C(HTTP_1_1_REQUIRED),
          "an HTTP/1.1 request of two lengths"),
    BUILT("http1-chunk-endless", "3.4", op_http1_chunk_endless, CONN, C(PROTOCOL_ERROR) | C(HTTP_1_1_REQUIRED),
          "an HTTP/1.1 request in a chunk beyond 64 bits"),
    BUILT("tls-hello", "3.4", op_tls_hello, CONN, C(PROTOCOL_ERROR), "a TLS handshake where there is none"),
    BUILT("settings-missing", "3.4", op_settings_missing, CONN, C(PROTOCOL_ERROR),
          "HEADERS right behind the preface, no SETTINGS"),

    /* ---- SETTINGS ---- */
    ONE("settings-length", "6.5", PLACE_START, FRAME_SETTINGS, 0, 0, "12345", CONN, C(FRAME_SIZE_ERROR),
        "SETTINGS of 5 bytes"),
    ONE("settings-push-2", "6.5.2", PLACE_START, FRAME_SETTINGS, 0, 0, "\0\2\0\0\0\2", CONN, C(PROTOCOL_ERROR),
        "ENABLE_PUSH 2"),
    ONE("settings-window-huge", "6.5.2", PLACE_START, FRAME_SETTINGS, 0, 0, "\0\4\x80\0\0\0", CONN,
        C(FLOW_CONTROL_ERROR), "INITIAL_WINDOW_SIZE 2^31"),
    ONE("settings-frame-size-low", "6.5.2", PLACE_START, FRAME_SETTINGS, 0, 0, "\0\5\0\0\x3f\xff", CONN,
        C(PROTOCOL_ERROR), "MAX_FRAME_SIZE 16383"),
    ONE("settings-frame-size-high", "6.5.2", PLACE_START, FRAME_SETTINGS, 0, 0, "\0\5\1\0\0\0", CONN, C(PROTOCOL_ERROR),
        "MAX_FRAME_SIZE 2^24"),
    ONE("settings-unknown", "6.5.2", PLACE_START, FRAME_SETTINGS, 0, 0, "\xf0\xf0\1\2\3\4", FINE, 0,
        "a setting nobody knows"),
    ONE("settings-on-stream", "6.5", PLACE_OPEN, FRAME_SETTINGS, 0, 1, "\0\3\0\0\0\1", CONN, C(PROTOCOL_ERROR),
        "SETTINGS on stream 1"),
    ONE("settings-ack-payload", "6.5", PLACE_START, FRAME_SETTINGS, FRAME_ACK, 0, "\0\3\0\0\0\1", CONN,
        C(FRAME_SIZE_ERROR), "an ACK with a setting"),
    BUILT("settings-ack-unasked", "6.5.3", op_settings_ack_unasked, CONN | FINE, C(PROTOCOL_ERROR),
          "three ACKs of nothing"),
    BUILT("settings-window-lowered", "6.9.2", op_settings_window_lowered, FINE, 0,
          "our window taken back to 0 during a call, later given again"),
    FLOOD("slow-reader", "10.5", op_slow_reader, CONN | STREAM | FINE, 400, 5000, 0,
          "100 calls whose answers get no window"),
    LARGE("reader-stops", "6.9", op_reader_stops, ANSWER_WHOLE | REFUSAL, 0,
          "70 long answers, the windows shut, one opened a little and then wide: it comes"),
    LARGE("reader-leaves", "6.9", op_reader_leaves, FINE | CONN, FRAMES_ANY_CODE,
          "12 long answers, the windows shut, opened, and the calls reset at once"),
    FLOOD("settings-flood", "10.5", op_settings_flood, CONN | FINE, 120, 400, 0, "empty SETTINGS, endless"),
    FLOOD("settings-window-flips", "10.5", op_settings_window_flips, CONN | FINE, 120, 800, 20000,
          "INITIAL_WINDOW_SIZE up and down while 64 streams are open"),
    FLOOD("settings-table-flips", "10.5", op_settings_table_flips, CONN | FINE, 120, 400, 0,
          "HEADER_TABLE_SIZE 0, 4096, 0, 4096, ..."),
    BUILT("settings-table-lowered", "7541:4.2", op_settings_table_lowered, FINE, 0,
          "HEADER_TABLE_SIZE 100, then 0, with calls before and behind"),

    /* ---- PING ---- */
    ONE("ping-length", "6.7", PLACE_START, FRAME_PING, 0, 0, "1234567", CONN, C(FRAME_SIZE_ERROR), "PING of 7 bytes"),
    ONE("ping-on-stream", "6.7", PLACE_OPEN, FRAME_PING, 0, 1, EIGHT, CONN, C(PROTOCOL_ERROR), "PING on stream 1"),
    ONE("ping-ack-unasked", "6.7", PLACE_START, FRAME_PING, FRAME_ACK, 0, EIGHT, CONN | FINE, C(PROTOCOL_ERROR),
        "ACK of a PING nobody sent"),
    FLOOD("ping-flood", "10.5", op_ping_flood, CONN | FINE, 110, 400, 0, "PINGs, endless"),

    /* ---- WINDOW_UPDATE ---- */
    ONE("window-zero-connection", "6.9", PLACE_START, FRAME_WINDOW_UPDATE, 0, 0, "\0\0\0\0", CONN, C(PROTOCOL_ERROR),
        "the connection's window grows by 0"),
    ONE("window-zero-stream", "6.9", PLACE_OPEN, FRAME_WINDOW_UPDATE, 0, 1, "\0\0\0\0", STREAM, C(PROTOCOL_ERROR),
        "a stream's window grows by 0"),
    ONE("window-length", "6.9", PLACE_OPEN, FRAME_WINDOW_UPDATE, 0, 1, "\0\0\1", CONN, C(FRAME_SIZE_ERROR),
        "WINDOW_UPDATE of 3 bytes"),
    ONE("window-idle", "5.1", PLACE_START, FRAME_WINDOW_UPDATE, 0, 7, "\0\0\0\1", CONN, C(PROTOCOL_ERROR),
        "WINDOW_UPDATE on an idle stream"),
    ONE("window-closed", "5.1", PLACE_CLOSED, FRAME_WINDOW_UPDATE, 0, 1, "\0\0\0\1", FINE | CONN, C(STREAM_CLOSED),
        "WINDOW_UPDATE on a stream that is over"),
    BUILT("window-overflow-connection", "6.9.1", op_window_overflow_connection, CONN, C(FLOW_CONTROL_ERROR),
          "the connection's window above 2^31-1"),
    BUILT("window-overflow-stream", "6.9.1", op_window_overflow_stream, STREAM, C(FLOW_CONTROL_ERROR),
          "a stream's window above 2^31-1"),
    FLOOD("window-flood", "10.5", op_window_flood, CONN | FINE, 20, 100, 0, "windows that grow by 1, endless"),

    /* ---- DATA ---- */
    ONE("data-idle", "5.1", PLACE_START, FRAME_DATA, 0, 7, "hello", CONN | STREAM, C(PROTOCOL_ERROR) | C(STREAM_CLOSED),
        "DATA on an idle stream"),
    ONE("data-half-closed", "5.1", PLACE_HELD, FRAME_DATA, 0, 1, "hello", STREAM, C(STREAM_CLOSED),
        "DATA behind END_STREAM, the call not yet answered"),
    /* 5.1 lets what comes on a closed stream be ignored where its end was a reset; of DATA behind END_STREAM 6.1 has it
     * answered. */
    ONE("data-closed", "6.1", PLACE_CLOSED, FRAME_DATA, 0, 1, "hello", STREAM, C(STREAM_CLOSED),
        "DATA on a stream both sides ended"),
    ONE("data-stream-zero", "6.1", PLACE_START, FRAME_DATA, 0, 0, "hello", CONN, C(PROTOCOL_ERROR),
        "DATA on the connection"),
    ONE("data-padding", "6.1", PLACE_OPEN, FRAME_DATA, FRAME_PADDED, 1,
        "\x05"
        "1234",
        CONN, C(PROTOCOL_ERROR), "more padding than payload"),
    ONE("data-padding-missing", "6.1", PLACE_OPEN, FRAME_DATA, FRAME_PADDED, 1, "", CONN,
        C(FRAME_SIZE_ERROR) | C(PROTOCOL_ERROR), "padded, and no byte for the padding's length"),
    ONE("data-padding-whole", "6.1", PLACE_OPEN, FRAME_DATA, FRAME_PADDED, 1,
        "\x04"
        "\0\0\0\0",
        FINE, 0, "nothing but padding"),
    HELD("data-over-window", "6.9", op_data_over_window, STREAM | FINE, C(FLOW_CONTROL_ERROR),
         "more than the stream's window allows"),
    FLOOD("data-empty-flood", "10.5", op_data_empty_flood, CONN | FINE | STREAM, 20, 100, 0, "empty DATA, endless"),
    FLOOD("data-padding-flood", "10.5", op_data_padding_flood, CONN | FINE | STREAM, 30, 100, 0,
          "DATA that is only padding, endless"),

    /* ---- HEADERS ---- */
    BUILT("headers-even-stream", "5.1.1", op_headers_even_stream, CONN, C(PROTOCOL_ERROR), "a client's stream 2"),
    BUILT("headers-decreasing", "5.1.1", op_headers_decreasing, CONN, C(PROTOCOL_ERROR) | C(STREAM_CLOSED),
          "stream 3 behind stream 5"),
    HELD("headers-after-end", "5.1", op_headers_after_end, STREAM, C(STREAM_CLOSED), "HEADERS behind END_STREAM"),
    BUILT("headers-stream-zero", "6.2", op_headers_stream_zero, CONN, C(PROTOCOL_ERROR), "HEADERS on the connection"),
    BUILT("headers-self-dependency", "5.3.2", op_headers_self_dependency, STREAM | FINE, C(PROTOCOL_ERROR),
          "a stream that depends on itself"),
    ONE("headers-priority-cut", "6.2", PLACE_START, FRAME_HEADERS,
        FRAME_END_HEADERS | FRAME_END_STREAM | FRAME_WITH_PRIORITY, 1, "\0\0\0\0", CONN,
        C(FRAME_SIZE_ERROR) | C(PROTOCOL_ERROR), "priority fields of 4 bytes"),
    ONE("headers-padding", "6.2", PLACE_START, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM | FRAME_PADDED, 1,
        "\x09"
        "1234",
        CONN, C(PROTOCOL_ERROR) | C(FRAME_SIZE_ERROR), "more padding than payload"),
    FIELDS("name-uppercase", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a field name in upper case",
           HEAD GRPC "X-Upper: 1\n"),
    FIELDS("name-empty", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a field without a name",
           HEAD GRPC "!hex 00000131\n"),
    FIELDS("name-space", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a blank in a field name", HEAD GRPC "x y: 1\n"),
    FIELDS("value-newline", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a line feed in a value",
           HEAD GRPC "!hex 00017803610a62\n"),
    FIELDS("value-nul", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a NUL in a value",
           HEAD GRPC "!hex 00017803610062\n"),
    FIELDS("value-blank-first", "8.2.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "a value that begins with a blank",
           HEAD GRPC "x-blank:  1\n"),
    FIELDS("pseudo-path-missing", "8.3.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "no :path",
           ":method: POST\n:scheme: http\n:authority: $\n" GRPC),
    FIELDS("pseudo-method-missing", "8.3.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "no :method",
           ":scheme: http\n:path: @\n:authority: $\n" GRPC),
    FIELDS("pseudo-scheme-missing", "8.3.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), "no :scheme",
           ":method: POST\n:path: @\n:authority: $\n" GRPC),
    FIELDS("pseudo-twice", "8.3.1", STREAM | REFUSAL, C(PROTOCOL_ERROR), ":path twice", HEAD ":path: @\n" GRPC),
    FIELDS("pseudo-late", "8.3", STREAM | REFUSAL, C(PROTOCOL_ERROR), ":path behind a regular field",
           ":method: POST\n:scheme: http\n:authority: $\ncontent-type: application/grpc\n:path: @\nte: trailers\n"),
    FIELDS("pseudo-unknown", "8.3", STREAM | REFUSAL, C(PROTOCOL_ERROR), ":harrow", HEAD ":harrow: 1\n" GRPC),
    FIELDS("pseudo-response", "8.3", STREAM | REFUSAL, C(PROTOCOL_ERROR), ":status in a request",
           HEAD ":status: 200\n" GRPC),
    FIELDS("connection-field", "8.2.2", STREAM | REFUSAL, C(PROTOCOL_ERROR), "connection: close",
           HEAD GRPC "connection: close\n"),
    FIELDS("transfer-encoding", "8.2.2", STREAM | REFUSAL, C(PROTOCOL_ERROR), "transfer-encoding: chunked",
           HEAD GRPC "transfer-encoding: chunked\n"),
    FIELDS("te-gzip", "8.2.2", STREAM | REFUSAL, C(PROTOCOL_ERROR), "te other than trailers",
           HEAD "content-type: application/grpc\nte: gzip\n"),
    FIELDS("connect-with-path", "8.5", STREAM | REFUSAL, C(PROTOCOL_ERROR), "CONNECT that has a :path",
           ":method: CONNECT\n:scheme: http\n:path: @\n:authority: $\n" GRPC),
    BUILT("length-lie-more", "8.1.1", op_length_lie_more, STREAM | REFUSAL, C(PROTOCOL_ERROR),
          "content-length says more than comes"),
    BUILT("length-lie-less", "8.1.1", op_length_lie_less, STREAM | REFUSAL, C(PROTOCOL_ERROR),
          "content-length says less than comes"),
    BUILT("trailers-no-end", "8.1", op_trailers_no_end, STREAM | REFUSAL, C(PROTOCOL_ERROR),
          "trailers that do not end the stream"),
    BUILT("trailers-pseudo", "8.1", op_trailers_pseudo, STREAM | REFUSAL, C(PROTOCOL_ERROR), ":path in trailers"),
    BUILT("trailers-fine", "8.1", op_trailers_fine, ANSWER_WHOLE, 0, "a request with trailers"),
    BUILT("metadata-huge", "10.5.1", op_metadata_huge, CONN | STREAM | REFUSAL | FINE,
          CALM | C(PROTOCOL_ERROR) | C(COMPRESSION_ERROR) | C(INTERNAL_ERROR) | C(CANCEL) | C(REFUSED_STREAM),
          "150 KB of metadata"),

    /* ---- CONTINUATION ---- */
    ONE("continuation-alone", "6.10", PLACE_OPEN, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, "\x82", CONN,
        C(PROTOCOL_ERROR), "CONTINUATION of nothing"),
    BUILT("continuation-other-stream", "6.10", op_continuation_other_stream, CONN, C(PROTOCOL_ERROR),
          "a block that goes on on another stream"),
    BUILT("continuation-interrupted", "6.10", op_continuation_interrupted, CONN, C(PROTOCOL_ERROR),
          "a PING inside a header block"),
    BUILT("continuation-unknown-between", "5.5", op_continuation_unknown_between, CONN, C(PROTOCOL_ERROR),
          "a frame of unknown type inside a header block"),
    BUILT("headers-held", "10.5.1", op_headers_held, CONN | STREAM | SILENCE, FRAMES_ANY_CODE,
          "a header block begun, then nothing"),
    BUILT("continuation-pieces", "6.10", op_continuation_pieces, FINE | REFUSAL, 0, "a block in pieces of 30 bytes"),
    FLOOD("continuation-endless", "10.5.1", op_continuation_endless, CONN | STREAM | SILENCE, 20, 200, 0,
          "a header block that never ends"),
    FLOOD("continuation-empty-run", "10.5.1", op_continuation_empty_run, CONN | STREAM | REFUSAL | FINE, 20, 100, 0,
          "thousands of empty CONTINUATIONs"),
    FLOOD("continuation-empty-long", "10.5.1", op_continuation_empty_long, CONN | STREAM | REFUSAL, 20, 100, 0,
          "8,000 empty CONTINUATIONs, then the call: there is a bound somewhere"),

    /* ---- HPACK ---- */
    BUILT("hpack-index-zero", HPACK ":6.1", op_hpack_index_zero, CONN, BROKEN, "index 0"),
    BUILT("hpack-index-far", HPACK ":2.3.3", op_hpack_index_far, CONN, BROKEN, "an index behind the table"),
    BUILT("hpack-name-index-far", HPACK ":2.3.3", op_hpack_name_index_far, CONN, BROKEN,
          "a name's index behind the table"),
    BUILT("hpack-integer-huge", HPACK ":5.1", op_hpack_integer_huge, CONN, BROKEN, "an index of 63 bits"),
    BUILT("hpack-integer-endless", HPACK ":5.1", op_hpack_integer_endless, CONN, BROKEN, "an integer of 200 bytes"),
    /* A frame that ends too early may also be taken for one of a wrong size (4.2). */
    BUILT("hpack-integer-cut", HPACK ":5.1", op_hpack_integer_cut, CONN, BROKEN | C(FRAME_SIZE_ERROR),
          "a block that ends in an integer"),
    BUILT("hpack-integer-overlong", HPACK ":5.1", op_hpack_integer_overlong, CONN | FINE | REFUSAL, BROKEN,
          "a length with needless bytes"),
    BUILT("hpack-resize-over", HPACK ":6.3", op_hpack_resize_over, CONN, BROKEN, "a table of 1 MiB"),
    /* RFC 7541 binds the encoder only. */
    BUILT("hpack-resize-late", HPACK ":4.2", op_hpack_resize_late, CONN | FINE | REFUSAL, BROKEN,
          "a table size behind a field"),
    BUILT("hpack-string-cut", HPACK ":5.2", op_hpack_string_cut, CONN, BROKEN | C(FRAME_SIZE_ERROR),
          "a block that ends in a string"),
    BUILT("hpack-huffman-eos", HPACK ":5.2", op_hpack_huffman_eos, CONN, BROKEN, "EOS in a Huffman string"),
    BUILT("hpack-huffman-padding-zero", HPACK ":5.2", op_hpack_huffman_padding_zero, CONN, BROKEN,
          "a Huffman string filled up with zeros"),
    BUILT("hpack-huffman-padding-long", HPACK ":5.2", op_hpack_huffman_padding_long, CONN, BROKEN,
          "a Huffman string filled up with eleven bits"),
    BUILT("hpack-every-form", HPACK ":6", op_hpack_every_form, FINE | REFUSAL, 0,
          "every representation, cut into pieces, with padding and priority"),
    FLOOD("hpack-bomb", HPACK ":7.3", op_hpack_bomb, CONN | STREAM | REFUSAL, 40, 1500, 300,
          "12,000 references to an entry of 4 KB: 47 MB of fields"),
    FLOOD("hpack-bomb-streams", HPACK ":7.3", op_hpack_bomb_streams, CONN | STREAM | REFUSAL, 40, 400, 300,
          "the same on 20 streams, 62 MB of fields each"),
    FLOOD("hpack-resize-flood", HPACK ":4.2", op_hpack_resize_flood, CONN | STREAM | REFUSAL | FINE, 40, 400, 0,
          "4,000 table size updates in front of a call"),

    /* ---- RST_STREAM ---- */
    ONE("rst-idle", "6.4", PLACE_START, FRAME_RST_STREAM, 0, 7, "\0\0\0\x08", CONN, C(PROTOCOL_ERROR),
        "RST_STREAM on an idle stream"),
    ONE("rst-length", "6.4", PLACE_OPEN, FRAME_RST_STREAM, 0, 1, "\0\0\0", CONN, C(FRAME_SIZE_ERROR),
        "RST_STREAM of 3 bytes"),
    ONE("rst-stream-zero", "6.4", PLACE_START, FRAME_RST_STREAM, 0, 0, "\0\0\0\x08", CONN, C(PROTOCOL_ERROR),
        "RST_STREAM on the connection"),
    ONE("rst-unknown-code", "7", PLACE_OPEN, FRAME_RST_STREAM, 0, 1, "\xde\xad\xbe\xef", FINE, 0,
        "an error code nobody knows"),
    BUILT("rst-twice", "5.1", op_rst_twice, FINE | CONN | STREAM, C(STREAM_CLOSED), "RST_STREAM again"),
    FLOOD("rst-storm-long", "10.5", op_rst_storm_long, CONN, 20, 100, 0,
          "8,000 calls at once, each reset: there is a bound somewhere"),
    FLOOD("rst-storm", "10.5", op_rst_storm, CONN | FINE, 20, 100, 0, "calls, each reset at once"),
    FLOOD("made-you-reset", "10.5", op_made_you_reset, CONN | STREAM, 60, 100, 0,
          "calls, each broken so that the server resets them"),

    /* ---- PRIORITY ---- */
    ONE("priority-length", "6.3", PLACE_OPEN, FRAME_PRIORITY, 0, 1, "\0\0\0\0", STREAM, C(FRAME_SIZE_ERROR),
        "PRIORITY of 4 bytes"),
    ONE("priority-stream-zero", "6.3", PLACE_START, FRAME_PRIORITY, 0, 0, "\0\0\0\0\0", CONN, C(PROTOCOL_ERROR),
        "PRIORITY on the connection"),
    ONE("priority-self", "5.3.2", PLACE_OPEN, FRAME_PRIORITY, 0, 1, "\0\0\0\1\0", FINE | STREAM, C(PROTOCOL_ERROR),
        "a stream made to depend on itself"),
    BUILT("priority-loop", "5.3.2", op_priority_loop, FINE, 0, "three streams in a circle, exclusively and not"),
    FLOOD("priority-flood", "10.5", op_priority_flood, FINE | CONN, 10, 100, 0,
          "priorities of streams that never come"),

    /* ---- what only servers say, and goodbyes ---- */
    ONE("push-promise", "8.4", PLACE_OPEN, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, "\0\0\0\2\x82", CONN,
        C(PROTOCOL_ERROR), "a client that pushes"),
    ONE("goaway-on-stream", "6.8", PLACE_OPEN, FRAME_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0", CONN, C(PROTOCOL_ERROR),
        "GOAWAY on stream 1"),
    ONE("goaway-short", "6.8", PLACE_START, FRAME_GOAWAY, 0, 0, "\0\0\0\0", CONN, C(FRAME_SIZE_ERROR),
        "GOAWAY of 4 bytes"),
    BUILT("half-open", "9.1", op_half_open, CONN | SILENCE, 0, "our direction ends in the middle of a call"),
    BUILT("goaway-then-call", "6.8", op_goaway_then_call, FINE | REFUSAL | STREAM | CONN,
          C(NO_ERROR) | C(REFUSED_STREAM) | C(PROTOCOL_ERROR), "a call behind our own GOAWAY"),

    /* ---- frames as such ---- */
    ONE("frame-unknown", "5.5", PLACE_START, 0xbe, 0xff, 1, "anything", FINE, 0, "a type nobody knows"),
    ONE("frame-reserved-bit", "4.1", PLACE_START, FRAME_PING, 0, FRAME_RESERVED, EIGHT, FINE, 0,
        "the reserved bit of the stream id"),
    ONE("frame-flags-undefined", "4.1", PLACE_START, FRAME_PING, 0xf6, 0, EIGHT, FINE, 0, "flags PING does not have"),
    BUILT("frame-too-long", "4.2", op_frame_too_long, STREAM, C(FRAME_SIZE_ERROR), "DATA of 16,385 bytes"),
    BUILT("frame-head-huge", "4.2", op_frame_head_huge, CONN | SILENCE, C(FRAME_SIZE_ERROR),
          "HEADERS that say 16 MiB, and a few bytes of them"),
    BUILT("frame-cut", "4.1", op_frame_cut, FINE | SILENCE | CONN, C(PROTOCOL_ERROR), "half a PING, then nothing"),
    FLOOD("frame-unknown-flood", "10.5", op_frame_unknown_flood, FINE | CONN, 10, 50, 0,
          "frames of unknown types, endless"),

    /* ---- streams by number ---- */
    BUILT("streams-over-limit", "5.1.2", op_streams_over_limit, STREAM | CONN | REFUSAL | FINE,
          C(REFUSED_STREAM) | C(PROTOCOL_ERROR) | CALM, "more calls at once than are allowed"),
    BUILT("stream-id-last", "5.1.1", op_stream_id_last, FINE | REFUSAL, 0, "a call on stream 2^31-1"),
    BUILT("stream-ids-used-up", "5.1.1", op_stream_ids_used_up, CONN, C(PROTOCOL_ERROR) | C(STREAM_CLOSED),
          "a call behind the last stream there is"),

    /* ---- gRPC ---- */
    /* Of these gRPC's protocol has 415 and 400 as a SHOULD, or says nothing of what a server does. */
    FIELDS("content-type-missing", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR) | C(NO_ERROR), "no content-type",
           HEAD "te: trailers\n"),
    FIELDS("content-type-other", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR) | C(NO_ERROR),
           "content-type text/plain", HEAD "content-type: text/plain\nte: trailers\n"),
    FIELDS("method-get", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR), "a call by GET",
           ":method: GET\n:scheme: http\n:path: @\n:authority: $\n" GRPC),
    FIELDS("path-empty", "8.3.1", REFUSAL | STREAM, C(PROTOCOL_ERROR), "an empty :path",
           ":method: POST\n:scheme: http\n:path: \n:authority: $\n" GRPC),
    FIELDS("path-relative", "grpc", REFUSAL | STREAM, C(PROTOCOL_ERROR), "a :path without its first slash",
           ":method: POST\n:scheme: http\n:path: x@\n:authority: $\n" GRPC),
    FIELDS("path-unknown", "grpc", REFUSAL | STREAM, C(PROTOCOL_ERROR), "a method nobody has",
           ":method: POST\n:scheme: http\n:path: /no.Such/Method\n:authority: $\n" GRPC),
    FIELDS("timeout-malformed", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR), "grpc-timeout 10x",
           HEAD GRPC "grpc-timeout: 10x\n"),
    FIELDS("timeout-long", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR), "grpc-timeout of forty digits",
           HEAD GRPC "grpc-timeout: 1234567890123456789012345678901234567890m\n"),
    FIELDS("timeout-empty", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR), "grpc-timeout of no digits",
           HEAD GRPC "grpc-timeout: S\n"),
    FIELDS("metadata-bin-broken", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR) | C(INTERNAL_ERROR),
           "binary metadata that is no base64", HEAD GRPC "x-bin: =%&,=,,a\n"),
    FIELDS("encoding-unknown", "grpc", REFUSAL | STREAM | FINE, C(PROTOCOL_ERROR), "grpc-encoding nobody knows",
           HEAD GRPC "grpc-encoding: harrow\n"),
    HELD("data-after-trailers", "5.1", op_data_after_trailers, STREAM, C(STREAM_CLOSED), "a message behind trailers"),
    BUILT("message-flag", "grpc", op_message_flag, REFUSAL | STREAM, C(PROTOCOL_ERROR) | C(INTERNAL_ERROR) | C(CANCEL),
          "a message that begins with flag 2"),
    BUILT("message-length-lie", "grpc", op_message_length_lie, REFUSAL | STREAM | FINE,
          C(PROTOCOL_ERROR) | C(INTERNAL_ERROR) | CALM | C(CANCEL) | C(NO_ERROR), "a message of 4 GiB begun"),
    BUILT("message-prefix-split", "grpc", op_message_prefix_split, ANSWER_WHOLE, 0, "a message's prefix in two frames"),
    BUILT("message-in-bytes", "grpc", op_message_in_bytes, ANSWER_WHOLE, 0, "a message in frames of a byte"),
    POLITE("message-large", "6.9", op_message_large, ANSWER_WHOLE | REFUSAL, 0,
           "a message larger than the windows, sent as they are opened"),
    BUILT("message-cut", "grpc", op_message_cut, REFUSAL | STREAM, C(PROTOCOL_ERROR) | C(INTERNAL_ERROR) | C(CANCEL),
          "END_STREAM inside a message"),
    FLOOD("message-gzip-bomb", "grpc", op_message_gzip_bomb, REFUSAL | STREAM | CONN | FINE, 60, 30000, 3000,
          "256 KB of gzip that become 256 MiB"),
    FLOOD("message-prefix-hold", "grpc", op_message_prefix_hold, FINE | STREAM | CONN, 60, 5000, 0,
          "100 calls with 4 MiB promised and one byte sent"),
};
const size_t frame_operator_count = sizeof frame_operators / sizeof frame_operators[0];

const struct frame_operator *frame_operator_find(struct bytes name)
{
    for (size_t i = 0; i < frame_operator_count; i++)
        if (bytes_is(name, frame_operators[i].name))
            return &frame_operators[i];
    return NULL;
}
