#include "chaos/workload/event_calls.h"

#include "base/units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define UUID_LENGTH 36

void event_topic(struct workload *w, uint32_t key, char out[EVENT_TOPIC_MAX])
{
    snprintf(out, EVENT_TOPIC_MAX, "%s.%u", workload_name(w), key);
}

int64_t event_value(const Events__Event *e)
{
    char digits[24] = "";
    int64_t value;
    if (e->payload.len == 0 || e->payload.len >= sizeof digits)
        return EVENT_UNKNOWN;
    memcpy(digits, e->payload.data, e->payload.len);
    return units_parse_integer(digits, 1, INT64_MAX, &value, NULL) == 0 ? value : EVENT_UNKNOWN;
}

/* "00000000-0007-8...": 48 bits of number in front of the version. */
int64_t event_offset(struct bytes id)
{
    const char *at = (const char *)id.data;
    int64_t offset = 0;
    if (at == NULL || id.len != UUID_LENGTH || at[14] != '8')
        return VALUE_NIL;
    for (size_t i = 0; i < 13; i++) {
        if (i == 8)
            continue;
        const char *digits = "0123456789abcdef", *digit = strchr(digits, tolower((unsigned char)at[i]));
        if (digit == NULL || *digit == '\0')
            return VALUE_NIL;
        offset = offset * 16 + (digit - digits);
    }
    return offset;
}

int event_publish(struct workload_client *c, enum operation_function f, uint32_t key, workload_answered *answered)
{
    int64_t value = workload_value(c->workload);
    char topic[EVENT_TOPIC_MAX], payload[24];
    Events__PublishRequest request = EVENTS__PUBLISH_REQUEST__INIT;
    event_topic(c->workload, key, topic);
    int len = snprintf(payload, sizeof payload, "%lld", (long long)value);
    request.topic = topic;
    request.payload = (ProtobufCBinaryData){.len = (size_t)len, .data = (uint8_t *)payload};
    int code = workload_invoke(c, f, key, value);
    return code == 0 ? workload_call(c, EVENTS_STREAM, "/events.Stream/Publish", &request.base, answered) : code;
}
