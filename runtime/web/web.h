/* The dashboard (v3's `micro web`): pages over HTTP that show the services there are and their endpoints, and call
 * them. Everything on a page is made here, on the server: no script runs in the browser, and all that comes from
 * outside is escaped. It knows nothing but what the gateway tells it, with the token of whoever is logged in, so nobody
 * sees or does more here than there.
 *
 *     /  /services                    the services
 *     /{service}                      versions, nodes, endpoints
 *     /{service}/{Type}/{Method}      a form from the request's schema; POST calls ({service}/{Type.Method} as well)
 *     /login  /logout  /404  /assets/web.css
 *
 * Without the cookie micro-token: 302 to /login. That cookie holds the access token of the login, HttpOnly and
 * SameSite=Strict. Every POST must show the form's token, an HMAC-SHA256 of the cookie micro-web (drawn for the
 * browser) and the login under a key of this process, and come from a page of ours.
 *
 *   web.c      life; routes     session.c  cookies, form tokens, login, logout
 *   form.c     what browsers send, taken apart     page.c  HTML     service.c  services, endpoints, calls
 *
 * Options: api-address ("http://127.0.0.1:8080" when absent), login-url (where to go without a login). */
#ifndef RUNTIME_WEB_WEB_H
#define RUNTIME_WEB_WEB_H

#include "base/units.h"
#include "rpc/http.h"
#include "runtime/component.h"

#include <jansson.h>

#define WEB_PORT_OFFSET  82
#define WEB_BODY_MAX     ((size_t)1 << 20)
#define WEB_ANSWER_MAX   ((size_t)256 << 10) /* bytes of an answer that are shown */
#define WEB_LIST_MAX     ((size_t)32 << 20)  /* of what the registry tells, which is read as a whole */
#define WEB_CALL_LIMIT   (10 * SECOND)       /* for a call; of a stream what came by then is shown */
#define WEB_LOGIN_LIFE   (8 * 3600)          /* seconds */
#define WEB_TOKEN_MAX    ((size_t)16 << 10)  /* bytes of an access token */
#define WEB_NONCE        32                  /* hexadecimal digits of the browser's cookie */
#define WEB_KEY_SIZE     32
#define WEB_PARTS_MAX    3
#define WEB_NAME_MAX     128 /* bytes of one part of a path */
#define WEB_FIELDS_MAX   200 /* inputs of one form */
#define WEB_DEPTH_MAX    4   /* messages within messages in a form */
#define WEB_SERVICES_MAX 2000

struct web {
    struct world *world;
    const struct micro_options *options;
    struct http_server *http;
    char api[300], login_url[300];
    const char *namespace;
    unsigned char key[WEB_KEY_SIZE];
    char address_path[1100]; /* <run_dir>/web.http; "" when there is none */
};

/* One request of a browser, in its exchange's arena. */
struct web_visit {
    struct web *web;
    struct http_exchange *x;
    const char *token;         /* NULL: not logged in */
    char nonce[WEB_NONCE + 1]; /* of the cookie micro-web */
    bool nonce_fresh;
    const char *parts[WEB_PARTS_MAX]; /* of the path, decoded */
    size_t part_count;
    struct http_client_call *call; /* to the gateway; NULL: none under way */
    void (*done)(struct web_visit *v, int status, json_t *body, struct bytes text);
    struct text answer;
    size_t answer_max; /* bytes */
    int status;
    bool cut;                 /* the answer was longer than is shown, or took longer */
    struct world_timer timer; /* of a call */
};

extern const struct component web_component;

/* session.c */
void web_session_read(struct web_visit *v); /* token and nonce from the cookies */
void web_form_token(const struct web_visit *v, char out[65]);
/* Whether the POST is from a form of ours; if not it was answered. */
bool web_post_allowed(struct web_visit *v, struct bytes shown);
void web_login_page(struct web_visit *v, int status, const char *message);
void web_login(struct web_visit *v);  /* POST /login */
void web_logout(struct web_visit *v); /* forgets the cookie */
void web_to_login(struct web_visit *v);

/* service.c */
void web_services_page(struct web_visit *v);
void web_service_page(struct web_visit *v);
void web_endpoint_page(struct web_visit *v);
void web_endpoint_call(struct web_visit *v);

/* web.c: calls through the gateway; `done` gets its status (0: no answer, `text` says why), the JSON (borrowed; NULL:
 * none), of which WEB_ANSWER_MAX at most. */
void web_ask(struct web_visit *v, const char *path, const char *type, struct bytes body,
             void (*done)(struct web_visit *v, int status, json_t *answer, struct bytes text));
/* The same for what must be whole: GET, up to WEB_LIST_MAX. */
void web_read(struct web_visit *v, const char *path,
              void (*done)(struct web_visit *v, int status, json_t *answer, struct bytes text));
void web_redirect(struct web_visit *v, const char *to);

/* page.c */
void web_escape(struct text *out, const char *words);
void web_escape_bytes(struct text *out, struct bytes words); /* what is no UTF-8 as U+FFFD */
void web_page_begin(struct web_visit *v, struct text *out, const char *title);
void web_page_end(struct web_visit *v, struct text *out, int status); /* answers with the page, frees the text */
void web_problem(struct web_visit *v, int status, const char *title, const char *words);
void web_style(struct http_exchange *x);

#endif
