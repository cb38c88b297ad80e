package kafkatest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/secret"
)

// NewSecured returns a broker in memory that takes TLS connections only and
// one login by the SASL mechanism; Config holds both.
func NewSecured(tb testing.TB, mechanism string) *Broker {
	tb.Helper()
	const user, password = "headway", "sesame"
	// httptest carries a certificate for 127.0.0.1, good enough to be checked.
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}),
		kfake.EnableSASL(), kfake.Superuser(mechanism, user, password),
	)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cluster.Close)
	return &Broker{Replication: 1, Config: kafka.Config{
		Brokers: cluster.ListenAddrs(), Logger: Logger(tb),
		TLS:  &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		SASL: kafka.SASL{Mechanism: mechanism, Username: user, Password: secret.String(password)},
	}}
}
