/* The stubs of a server, and what they are asked by those who look. */
#include "fakes/serve/internal.h"

#include "fakes/stub/stub.h"

int fake_server_set_stubs(struct fake_server *s, struct stub_set *stubs)
{
    struct fake_responder r = stub_set_responder(stubs);
    if (s->stubs != NULL)
        return ERROR_EXISTS;
    int code = fake_server_respond(s, &r);
    if (code == 0) {
        s->stubs = stubs;
        s->stubs_have = stub_set_has;
        s->stubs_at = s->responder_count - 1;
    }
    return code;
}

struct stub_set *fake_server_stubs(const struct fake_server *s)
{
    return s->stubs;
}
