#include "fuzz/oracle.h"

#include "base/units.h"

static bool breaks_schema(const struct pb_type *type, struct bytes body, struct text *why)
{
    struct error err = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int code = pb_unpack(type->descriptor, body, &arena, &message, &err);
    if (code != 0) {
        text_printf(why, "the answer is no valid %s: ", type->full_name);
        error_format(&err, why);
    }
    arena_deinit(&arena);
    error_clear(&err);
    return code != 0;
}

const char *oracle_judge(const struct fuzz_input *in, const struct outcome *o, struct text *why)
{
    if (o->timed_out) {
        char duration[32];
        units_format_duration((int64_t)o->duration, duration, sizeof duration);
        text_printf(why, "no answer within %s", duration);
        return "hang";
    }
    if (o->status == GRPC_INTERNAL || o->status == GRPC_UNKNOWN || o->status == GRPC_DATA_LOSS) {
        text_printf(why, "answered %s to a %s message: ", grpc_status_name(o->status), fuzz_lane_name(in->lane));
        text_printable(why, o->message.data, o->message.len, 300);
        return "internal";
    }
    if (o->body.data != NULL && breaks_schema(in->method->output, o->body, why))
        return "schema";
    if (o->status == GRPC_OK && !o->stream && !fuzz_input_may_pass(in)) {
        text_printf(why, "accepted a message with the defect %s (%s)", in->defect->name, in->defect->summary);
        return "accepted";
    }
    return NULL;
}
