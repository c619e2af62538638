# SPDX-License-Identifier: Apache-2.0
# Runs inside the container of installed.py, under systemd. Each line: ok or FAIL, and what should hold.
say() { # say STATEMENT COMMAND...: the command's end decides
	local what=$1
	shift
	if "$@" >/tmp/out 2>&1; then echo "ok $what"; else
		echo "FAIL $what"
		sed 's/^/    /' /tmp/out >&2
	fi
}
until_true() { # within 60 s
	for _ in $(seq 600); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}
is() { [ "$(systemctl show -P "$1" claviger)" = "$2" ] || { systemctl show -P "$1" claviger; return 1; }; }
log_has() { journalctl -u claviger -o cat --no-pager | grep -q "$1"; }
layers() { # every process is in every layer of its sandbox
	journalctl -u claviger -o cat --no-pager | grep '"sandbox.entered"' >/tmp/layers
	cat /tmp/layers
	log_has sandbox.reduced && return 1
	[ "$(grep -c 'own-uid landlock seccomp' /tmp/layers)" -ge 8 ] && ! grep -v 'network-namespace.*empty-root own-uid landlock seccomp' /tmp/layers
}
export CLAVIGER_CA=/var/lib/claviger/ca.pem

say "the package installs" dpkg -i /root/claviger.deb
say "the unit is one that systemd takes without a complaint" bash -c 'o=$(systemd-analyze verify --man=no /lib/systemd/system/claviger.service 2>&1); echo "$o"; [ -z "$o" ]'
say "every command has a man page" bash -c 'claviger help --json | grep -o "\"name\":\"[a-z]*\( [a-z]*\)*\",\"arguments\"" | sed "s/\"name\":\"//;s/\".*//;s/ /-/g" >/tmp/names; [ $(wc -l </tmp/names) -gt 30 ] && while read n; do test -s /usr/share/man/man1/claviger-$n.1.gz || exit 1; done </tmp/names'
say "the configuration that comes with it is good" claviger config check
say "start returns when the signer serves (Type=notify)" bash -c 'systemctl start claviger && claviger status'
say "systemd knows its state in words" is StatusText serving
say "all layers of the sandbox hold under the unit's restrictions" layers
say "exposure to the rest of the system is small (systemd-analyze security)" bash -c 'systemd-analyze security --no-pager claviger | tail -1; [ $(systemd-analyze security --no-pager claviger | sed -n "s/.*level for claviger.service: \([0-9]*\).*/\1/p") -le 5 ]'

# A CA of the site signs the TLS key; a reload, not a restart, puts it to use.
mkdir -p /etc/claviger /tmp/ca && cd /tmp/ca
claviger tls csr >req.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj "/CN=Site CA" -days 3 2>/dev/null
openssl x509 -req -in req.pem -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2 -out leaf.crt 2>/dev/null
cat leaf.crt ca.crt >/etc/claviger/tls.pem
sed -i 's/^# tls_certificate/tls_certificate/' /etc/claviger/claviger.toml
systemctl restart claviger
say "a CA's certificate for the key is shown" curl -sS --tlsv1.3 --cacert ca.crt https://127.0.0.1:8200/api/v1/openapi.json -o /dev/null
pid=$(systemctl show -P MainPID claviger)
openssl x509 -req -in req.pem -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days 1 -set_serial 4711 -out leaf.crt 2>/dev/null
cat leaf.crt ca.crt >/etc/claviger/tls.pem
systemctl reload claviger
say "a reload takes the new one without a restart" bash -c 'echo | openssl s_client -connect 127.0.0.1:8200 2>/dev/null | openssl x509 -noout -serial; echo | openssl s_client -connect 127.0.0.1:8200 2>/dev/null | openssl x509 -noout -serial | grep -q 1267 && [ '"$pid"' = $(systemctl show -P MainPID claviger) ]'

# A signer that hangs is noticed by the watchdog and started again.
mkdir -p /run/systemd/system/claviger.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/claviger.service.d/fast.conf
systemctl daemon-reload && systemctl restart claviger
sleep 3
say "a healthy signer does not trip the watchdog" is NRestarts 0
pkill -STOP claviger-signe
(curl -sk --max-time 20 https://127.0.0.1:8200/api/v1/status &) >/dev/null 2>&1
restarted() { [ "$(systemctl show -P NRestarts claviger)" -ge 1 ] && systemctl is-active -q claviger; }
say "a hung signer is started again (watchdog)" until_true restarted
rm -r /run/systemd/system/claviger.service.d
systemctl daemon-reload
say "a stop is orderly" bash -c 'systemctl restart claviger && systemctl stop claviger && [ "$(systemctl show -P Result claviger)" = success ] && journalctl -u claviger -o cat --no-pager | tail -n 5 | grep -q "\"event\":\"stopped\""'
say "removing keeps the configuration and the keys" bash -c 'dpkg -r claviger && test -f /etc/claviger/claviger.toml && test -s /var/lib/claviger/store/sealed-share'
say "purging says that the keys are kept, and keeps them" bash -c 'dpkg -P claviger | grep -q "is kept" && test -s /var/lib/claviger/store/sealed-share && ! test -e /etc/claviger/claviger.toml'
