/* What the house calls of wslay: base/late.h. */
#include "base/late.h"

struct late_library late_wslay = {.file = "libwslay.so.1", .package = "libwslay1"};

LATE_FUNCTION(late_wslay, wslay_event_config_set_max_recv_msg_length);
LATE_FUNCTION(late_wslay, wslay_event_context_client_init);
LATE_FUNCTION(late_wslay, wslay_event_context_free);
LATE_FUNCTION(late_wslay, wslay_event_context_server_init);
LATE_FUNCTION(late_wslay, wslay_event_get_close_received);
LATE_FUNCTION(late_wslay, wslay_event_get_close_sent);
LATE_FUNCTION(late_wslay, wslay_event_get_read_enabled);
LATE_FUNCTION(late_wslay, wslay_event_get_status_code_sent);
LATE_FUNCTION(late_wslay, wslay_event_get_write_enabled);
LATE_FUNCTION(late_wslay, wslay_event_queue_close);
LATE_FUNCTION(late_wslay, wslay_event_queue_msg);
LATE_FUNCTION(late_wslay, wslay_event_recv);
LATE_FUNCTION(late_wslay, wslay_event_send);
LATE_FUNCTION(late_wslay, wslay_event_set_error);
LATE_FUNCTION(late_wslay, wslay_event_shutdown_read);
LATE_FUNCTION(late_wslay, wslay_event_shutdown_write);
