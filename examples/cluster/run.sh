#!/bin/sh
# Two nodes of the chat behind nginx, with Redis between them, all on this machine and without containers:
#
#     examples/cluster/run.sh        and open http://localhost:3000 in two browsers
#
# It needs `redis-server` and `nginx` (on Debian: apt-get install redis-server nginx) and ends what it started when it
# ends. Other ports: PORT (of nginx), PORT_A, PORT_B (of the nodes), REDIS_PORT. NODE names a node that is built already.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin
PORT=${PORT:-3000} PORT_A=${PORT_A:-3001} PORT_B=${PORT_B:-3002} REDIS_PORT=${REDIS_PORT:-6380}
for program in redis-server redis-cli nginx; do
    command -v "$program" >/dev/null || { echo "$program is needed" >&2; exit 1; }
done
if [ -z "${NODE:-}" ]; then
    cargo build --example cluster
    NODE=${CARGO_TARGET_DIR:-target}/debug/examples/cluster
fi

folder=$(mktemp -d)
pids=
end() {
    trap - EXIT INT TERM
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 0' INT TERM

redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --save '' --appendonly no --dir "$folder" --loglevel warning &
pids="$pids $!"
for port in "$PORT_A" "$PORT_B"; do
    (
        tries=0
        until redis-cli -h 127.0.0.1 -p "$REDIS_PORT" ping >/dev/null 2>&1 || [ "$tries" -ge 50 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
        exec env REDIS_URL="redis://127.0.0.1:$REDIS_PORT" PORT="$port" "$NODE"
    ) >"$folder/node-$port.log" &
    pids="$pids $!"
done

mkdir "$folder/temp"
sed -e "s/\${PORT}/127.0.0.1:$PORT/" -e "s/\${NODE_A}/127.0.0.1:$PORT_A/" -e "s/\${NODE_B}/127.0.0.1:$PORT_B/" \
    examples/cluster/nginx.conf.template >"$folder/chat.conf"
cat >"$folder/nginx.conf" <<END
daemon off; master_process off; pid $folder/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path $folder/temp/body; proxy_temp_path $folder/temp/proxy; fastcgi_temp_path $folder/temp/fastcgi;
    uwsgi_temp_path $folder/temp/uwsgi; scgi_temp_path $folder/temp/scgi;
    include $folder/chat.conf;
}
END
until grep -q listening "$folder/node-$PORT_A.log" && grep -q listening "$folder/node-$PORT_B.log"; do
    # shellcheck disable=SC2086
    kill -0 $pids 2>/dev/null || { echo "a server did not start" >&2; exit 1; }
    sleep 0.1
done
nginx -e stderr -p "$folder" -c "$folder/nginx.conf" &
pids="$pids $!"
# shellcheck disable=SC2086
set -- $pids
echo "end a node by: kill $2, or kill $3"
echo "listening on http://localhost:$PORT"
wait
