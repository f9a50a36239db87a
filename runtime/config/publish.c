/* Changes as messages of the broker, on the topic the option watch-topic names: v3's way of hearing of them. The body
 * is JSON, {"namespace", "path", "revision", "changeSet": {"data", "checksum", "format", "source", "timestamp"}}, with
 * the value at the path that was touched, secrets hidden.
 *
 * A message is tried for CONFIG_PUBLISH_TIMEOUT, which bridges a restart of the broker. At most CONFIG_PUBLISH_MAX wait
 * at once; what comes beyond is dropped with a log line. The change itself does not wait for any of this: who must not
 * miss one uses config.Watcher. */
#include "runtime/config/operation.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/broker/broker.pb-c.h"

#include <string.h>

#define CONFIG_PUBLISH_MAX     256
#define CONFIG_PUBLISH_TIMEOUT ((uint64_t)10 * (uint64_t)SECOND)

static void published(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config *c = arg;
    (void)reply;
    c->publishing--;
    if (status != GRPC_OK && !c->stopping)
        log_warn("config", "a change was not published on topic \"%s\": %s", c->topic, message);
}

static bool body_of(struct config *c, const struct config_made *made, struct text *out)
{
    struct text data = TEXT_INIT;
    struct config_path path;
    char sum[CONFIG_CHECKSUM_SIZE];
    bool ok = config_path_parse(made->touched, &path, NULL) == 0 &&
              config_tree_get(made->after, &path, NULL, made->namespace, &data, NULL) == 0;
    if (ok) {
        config_checksum(text_bytes(&data), sum);
        text_puts(out, "{\"namespace\":\"");
        text_json(out, made->namespace, strlen(made->namespace));
        text_puts(out, "\",\"path\":\"");
        text_json(out, made->touched, strlen(made->touched));
        text_printf(out, "\",\"revision\":\"%llu\",\"changeSet\":{\"data\":\"", (unsigned long long)made->revision);
        text_json(out, text_string(&data), data.len);
        text_printf(out, "\",\"checksum\":\"%s\",\"format\":\"json\",\"source\":\"config\",\"timestamp\":\"%lld\"}}",
                    sum, (long long)(world_wall(c->world) / SECOND));
    }
    text_deinit(&data);
    return ok && text_ok(out);
}

void config_publish(struct config *c, const struct config_made *made)
{
    struct text body = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    int rc = ERROR_MEMORY;
    if (!c->topic)
        return;
    if (c->publishing >= CONFIG_PUBLISH_MAX) {
        log_warn("config", "a change was not published on topic \"%s\": %d wait already", c->topic, CONFIG_PUBLISH_MAX);
        return;
    }
    if (body_of(c, made, &body)) {
        Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
        Broker__Message message = BROKER__MESSAGE__INIT;
        Broker__Message__HeaderEntry type = BROKER__MESSAGE__HEADER_ENTRY__INIT, *header = &type;
        char name[] = "Content-Type", json[] = "application/json";
        type.key = name;
        type.value = json;
        message.header = &header;
        message.n_header = 1;
        message.body = (ProtobufCBinaryData){body.len, (uint8_t *)body.data};
        request.topic = arena_string(&arena, c->topic);
        request.message = &message;
        c->publishing++;
        rc = request.topic ? micro_call(c->service, "broker", "Broker.Publish", &request.base,
                                        &broker__empty__descriptor, CONFIG_PUBLISH_TIMEOUT, published, c)
                           : ERROR_MEMORY;
        if (rc)
            c->publishing--;
    }
    if (rc)
        log_warn("config", "a change was not published on topic \"%s\": %s", c->topic, error_code_name(rc));
    arena_deinit(&arena);
    text_deinit(&body);
}
