/* For the operators' builders: a case under construction. Failure is sticky, as in struct text. */
#ifndef FUZZ_FRAMES_BUILD_H
#define FUZZ_FRAMES_BUILD_H

#include "fuzz/frames/operators.h"

struct frame_build {
    struct fuzz_case *out;
    const struct frames_plan *plan;
    const struct frame_operator *op;
    const char *name; /* events added now are called so; "" for what leads there */
    uint32_t repeat;
    uint32_t next;    /* stream of the next call */
    bool no_ping;     /* the connection is in no state for a probe */
    bool no_call;     /* only the PING of the probe */
    struct text text; /* for what is put together */
    struct text block;
    int rc;
};

void frame_build_here(struct frame_build *b);  /* from here on it is the operator's doing */
void frame_build_there(struct frame_build *b); /* from here on it is not */
void frame_build_event(struct frame_build *b, const struct fuzz_event *e, struct bytes value);
void frame_build_bytes(struct frame_build *b, struct bytes bytes);
void frame_build_frame(struct frame_build *b, uint8_t type, uint8_t flags, uint32_t stream, struct bytes payload);
void frame_build_pause(struct frame_build *b, uint64_t ns);
void frame_build_connect(struct frame_build *b);
void frame_build_shut(struct frame_build *b);     /* our direction ends */
void frame_build_settings(struct frame_build *b); /* ours, a pause, and the ACK of theirs */
void frame_build_hello(struct frame_build *b);    /* all of that */
/* A call's HEADERS. `fields`: see struct frame_operator; NULL: as they should be. `flags`: END_HEADERS is added. */
void frame_build_headers(struct frame_build *b, const char *path, const char *fields, uint32_t stream, uint64_t number,
                         uint16_t event_flags);
void frame_build_call(struct frame_build *b, const char *path, uint32_t stream,
                      bool end); /* HEADERS; message with `end` */
void frame_build_message(struct frame_build *b, uint32_t stream, uint8_t flags, struct bytes message);
const char *frame_build_hold_path(const struct frame_build *b);
/* A header block that leaves HPACK's state alone, for frames put into bytes; valid until the next. */
struct bytes frame_build_plain_block(struct frame_build *b, const char *path, const char *more);
/* Appends gzip (RFC 1952) of so many MiB of zeros. ERROR_MEMORY. */
int frame_build_gzip_zeros(struct text *out, unsigned mib);
#define FRAMES_LONG 4 /* times as many frames as other floods have: beyond what any defence lets pass */
/* The frames gathered in b->text go out as one event. */
void frame_build_flush(struct frame_build *b);
/* A flood: `one` appends frames to b->text; cut into a few events, so that the peer can answer in between. */
void frame_build_flood(struct frame_build *b, uint32_t count, void (*one)(struct frame_build *b, uint32_t i));

/* Builders of operators that are more than one frame: operators_*.c. */
#define BUILDER(name) int name(struct frame_build *b)

/* operators_connection.c */
BUILDER(op_preface_cut);
BUILDER(op_preface_wrong);
BUILDER(op_preface_twice);
BUILDER(op_http1_upgrade);
BUILDER(op_http1_two_lengths);
BUILDER(op_http1_chunk_endless);
BUILDER(op_tls_hello);
BUILDER(op_settings_missing);
BUILDER(op_settings_ack_unasked);
BUILDER(op_settings_flood);
BUILDER(op_slow_reader);
BUILDER(op_reader_stops);
BUILDER(op_reader_leaves);
BUILDER(op_half_open);
BUILDER(op_settings_window_flips);
BUILDER(op_settings_table_flips);
BUILDER(op_settings_table_lowered);
BUILDER(op_settings_window_lowered);
BUILDER(op_ping_flood);
BUILDER(op_frame_too_long);
BUILDER(op_frame_head_huge);
BUILDER(op_frame_cut);
BUILDER(op_frame_unknown_flood);
BUILDER(op_goaway_then_call);

/* operators_block.c */
BUILDER(op_hpack_index_zero);
BUILDER(op_hpack_index_far);
BUILDER(op_hpack_name_index_far);
BUILDER(op_hpack_integer_huge);
BUILDER(op_hpack_integer_endless);
BUILDER(op_hpack_integer_cut);
BUILDER(op_hpack_integer_overlong);
BUILDER(op_hpack_resize_over);
BUILDER(op_hpack_resize_late);
BUILDER(op_hpack_string_cut);
BUILDER(op_hpack_huffman_eos);
BUILDER(op_hpack_huffman_padding_zero);
BUILDER(op_hpack_huffman_padding_long);
BUILDER(op_hpack_every_form);
BUILDER(op_hpack_bomb);
BUILDER(op_hpack_bomb_streams);
BUILDER(op_hpack_resize_flood);
BUILDER(op_continuation_other_stream);
BUILDER(op_continuation_interrupted);
BUILDER(op_continuation_unknown_between);
BUILDER(op_continuation_endless);
BUILDER(op_continuation_empty_run);
BUILDER(op_continuation_empty_long);
BUILDER(op_continuation_pieces);
BUILDER(op_headers_held);
BUILDER(op_metadata_huge);

/* operators_stream.c */
BUILDER(op_window_overflow_connection);
BUILDER(op_window_overflow_stream);
BUILDER(op_window_flood);
BUILDER(op_made_you_reset);
BUILDER(op_data_over_window);
BUILDER(op_data_empty_flood);
BUILDER(op_data_padding_flood);
BUILDER(op_headers_even_stream);
BUILDER(op_headers_decreasing);
BUILDER(op_headers_after_end);
BUILDER(op_headers_stream_zero);
BUILDER(op_headers_self_dependency);
BUILDER(op_trailers_no_end);
BUILDER(op_trailers_pseudo);
BUILDER(op_trailers_fine);
BUILDER(op_data_after_trailers);
BUILDER(op_rst_storm);
BUILDER(op_rst_storm_long);
BUILDER(op_rst_twice);
BUILDER(op_priority_loop);
BUILDER(op_priority_flood);
BUILDER(op_streams_over_limit);
BUILDER(op_stream_id_last);
BUILDER(op_stream_ids_used_up);
BUILDER(op_length_lie_more);
BUILDER(op_length_lie_less);
BUILDER(op_message_flag);
BUILDER(op_message_length_lie);
BUILDER(op_message_cut);
BUILDER(op_message_prefix_hold);
BUILDER(op_message_prefix_split);
BUILDER(op_message_in_bytes);
BUILDER(op_message_large);
BUILDER(op_message_gzip_bomb);

#endif
