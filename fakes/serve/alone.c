/* One double on an rpc server that somebody else made. */
#include "fakes/serve/internal.h"

static enum fake_verdict pass(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)arg;
    (void)asked;
    (void)answer;
    return FAKE_PASSED;
}

static void let_go(void *arg)
{
    fake_server_free(arg);
}

int fake_serve(struct fake *f, struct rpc_server *server)
{
    struct fake_server *s = NULL;
    int code = server_new_on(rpc_server_world(server), server, &(struct fake_server_options){0}, &s, NULL);
    if (code != 0)
        return code;
    code = fake_server_add(s, fake_service(f), f);
    /* It goes with the double, which goes after the rpc server. */
    if (code == 0)
        code = fake_add_responder(
            f, &(struct fake_responder){.name = "server", .respond = pass, .release = let_go, .arg = s});
    if (code != 0)
        fake_server_free(s);
    return code;
}
