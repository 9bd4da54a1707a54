#ifndef SKEIN_PROTO_H
#define SKEIN_PROTO_H
#endif
