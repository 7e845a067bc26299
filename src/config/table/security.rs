//! TLS, SASL, delegation tokens and access control: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `BrokerSecurityConfigs`, `SslConfigs` and `SaslConfigs`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{
    Setting, boolean, class, double, int, list, long, password, short, string,
};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    string("authorizer.class.name").default("").refused("access control")
        .doc("Authorizer class; empty means no authorization at all."),
    int("connection.failed.authentication.delay.ms").default("100").at_least(0)
        .doc("Delay before closing after failed authentication."),
    long("connections.max.reauth.ms").default("0").refused("SASL")
        .doc("Session lifetime after SASL authentication; 0 means unlimited."),
    long("delegation.token.expiry.check.interval.ms").default("3600000").at_least(1)
        .doc("Pause between removals of expired tokens."),
    long("delegation.token.expiry.time.ms").default("86400000").at_least(1)
        .doc("Token lifetime until it must be renewed."),
    long("delegation.token.max.lifetime.ms").default("604800000").at_least(1)
        .doc("Longest total token lifetime."),
    password("delegation.token.secret.key").refused("delegation tokens")
        .doc("Secret from which token HMACs derive; unset disables tokens."),
    class("principal.builder.class")
        .default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder").per_broker().refused("plugin classes")
        .doc("Maps an authenticated connection to a principal."),
    class("sasl.client.callback.handler.class").refused("SASL")
        .doc("Client-side SASL plugin."),
    list("sasl.enabled.mechanisms").default("GSSAPI").any_items().per_broker().refused("SASL")
        .doc("SASL mechanisms offered to clients."),
    password("sasl.jaas.config").per_broker().refused("SASL")
        .doc("JAAS login entry; on brokers given per listener and mechanism."),
    string("sasl.kerberos.kinit.cmd").default("/usr/bin/kinit").per_broker().refused("SASL")
        .doc("Kinit program."),
    long("sasl.kerberos.min.time.before.relogin").default("60000").per_broker().refused("SASL")
        .doc("Shortest pause between ticket refreshes."),
    list("sasl.kerberos.principal.to.local.rules")
        .default("DEFAULT").any_items().per_broker().refused("SASL")
        .doc("Rules turning Kerberos names into short names."),
    string("sasl.kerberos.service.name").per_broker().refused("SASL")
        .doc("Kerberos service name of the brokers."),
    double("sasl.kerberos.ticket.renew.jitter").default("0.05").per_broker().refused("SASL")
        .doc("Random part of the renewal time."),
    double("sasl.kerberos.ticket.renew.window.factor").default("0.8").per_broker().refused("SASL")
        .doc("Share of ticket lifetime after which it is renewed."),
    class("sasl.login.callback.handler.class").refused("SASL")
        .doc("Login plugin."),
    class("sasl.login.class").refused("SASL")
        .doc("Login class."),
    int("sasl.login.connect.timeout.ms").refused("SASL")
        .doc("Connect timeout to the identity provider."),
    int("sasl.login.read.timeout.ms").refused("SASL")
        .doc("Read timeout to the identity provider."),
    short("sasl.login.refresh.buffer.seconds").default("300").per_broker().refused("SASL")
        .doc("Time kept free before expiry."),
    short("sasl.login.refresh.min.period.seconds").default("60").per_broker().refused("SASL")
        .doc("Shortest time between refreshes."),
    double("sasl.login.refresh.window.factor").default("0.8").per_broker().refused("SASL")
        .doc("Share of credential lifetime after which login refreshes."),
    double("sasl.login.refresh.window.jitter").default("0.05").per_broker().refused("SASL")
        .doc("Random part of the refresh time."),
    long("sasl.login.retry.backoff.max.ms").default("10000").refused("SASL")
        .doc("Upper bound of login retry pauses."),
    long("sasl.login.retry.backoff.ms").default("100").refused("SASL")
        .doc("First login retry pause."),
    string("sasl.mechanism.controller.protocol").default("GSSAPI").refused("SASL")
        .doc("SASL mechanism used towards controllers."),
    string("sasl.mechanism.inter.broker.protocol").default("GSSAPI").per_broker().refused("SASL")
        .doc("SASL mechanism between brokers."),
    string("sasl.oauthbearer.assertion.algorithm").default("RS256")
        .one_of_any_case(&["ES256", "RS256"]).refused("SASL")
        .doc("Signing algorithm of assertions."),
    string("sasl.oauthbearer.assertion.claim.aud").refused("SASL")
        .doc("Aud claim of assertions."),
    int("sasl.oauthbearer.assertion.claim.exp.seconds")
        .default("300").between(0, 86400).refused("SASL")
        .doc("Lifetime of assertions."),
    string("sasl.oauthbearer.assertion.claim.iss").refused("SASL")
        .doc("Iss claim of assertions."),
    boolean("sasl.oauthbearer.assertion.claim.jti.include").default("false").refused("SASL")
        .doc("Whether assertions carry a jti claim."),
    int("sasl.oauthbearer.assertion.claim.nbf.seconds")
        .default("60").between(0, 3600).refused("SASL")
        .doc("How far nbf lies in the past."),
    string("sasl.oauthbearer.assertion.claim.sub").refused("SASL")
        .doc("Sub claim of assertions."),
    string("sasl.oauthbearer.assertion.file").refused("SASL")
        .doc("Ready-made assertion file."),
    string("sasl.oauthbearer.assertion.private.key.file").refused("SASL")
        .doc("Key file that signs assertions."),
    password("sasl.oauthbearer.assertion.private.key.passphrase").refused("SASL")
        .doc("Passphrase of that key."),
    string("sasl.oauthbearer.assertion.template.file").refused("SASL")
        .doc("File with static assertion header and claims."),
    string("sasl.oauthbearer.client.credentials.client.id").refused("SASL")
        .doc("Client id for the client-credentials grant."),
    password("sasl.oauthbearer.client.credentials.client.secret").refused("SASL")
        .doc("Secret for the client-credentials grant."),
    int("sasl.oauthbearer.clock.skew.seconds").default("30").refused("SASL")
        .doc("Clock difference tolerated."),
    list("sasl.oauthbearer.expected.audience").default("").any_items().refused("SASL")
        .doc("Accepted aud values."),
    string("sasl.oauthbearer.expected.issuer").refused("SASL")
        .doc("Accepted iss value."),
    long("sasl.oauthbearer.jwks.endpoint.refresh.ms").default("3600000").refused("SASL")
        .doc("How often signing keys are read again."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms").default("10000").refused("SASL")
        .doc("Longest pause after failed key reads."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms").default("100").refused("SASL")
        .doc("First pause after a failed key read."),
    string("sasl.oauthbearer.jwks.endpoint.url").refused("SASL")
        .doc("Where the broker reads the signing keys."),
    class("sasl.oauthbearer.jwt.retriever.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever").refused("SASL")
        .doc("Plugin obtaining tokens."),
    class("sasl.oauthbearer.jwt.validator.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator").refused("SASL")
        .doc("Plugin validating tokens."),
    string("sasl.oauthbearer.scope").refused("SASL")
        .doc("Scope asked for."),
    string("sasl.oauthbearer.scope.claim.name").default("scope").refused("SASL")
        .doc("Claim holding the scope."),
    string("sasl.oauthbearer.sub.claim.name").default("sub").refused("SASL")
        .doc("Claim holding the principal name."),
    string("sasl.oauthbearer.token.endpoint.url").refused("SASL")
        .doc("Token endpoint."),
    class("sasl.server.callback.handler.class").refused("SASL")
        .doc("Plugin verifying SASL credentials."),
    int("sasl.server.max.receive.size").default("524288").refused("SASL")
        .doc("Largest frame accepted before authentication is complete."),
    string("security.inter.broker.protocol").default("PLAINTEXT")
        .one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]).refused("only PLAINTEXT is served")
        .doc("Security protocol between brokers."),
    string("security.providers").refused("plugin classes")
        .doc("Extra JVM security providers."),
    boolean("ssl.allow.dn.changes").default("false").refused("TLS")
        .doc("Allow another DN when a keystore is replaced at run time."),
    boolean("ssl.allow.san.changes").default("false").refused("TLS")
        .doc("Allow other SANs when a keystore is replaced at run time."),
    list("ssl.cipher.suites").default("").any_items().per_broker().refused("TLS")
        .doc("Allowed cipher suites."),
    string("ssl.client.auth").default("none")
        .one_of(&["required", "requested", "none"]).per_broker().refused("TLS")
        .doc("Whether client certificates are required, requested or ignored."),
    list("ssl.enabled.protocols").default("TLSv1.2,TLSv1.3").any_items().per_broker().refused("TLS")
        .doc("TLS versions offered."),
    string("ssl.endpoint.identification.algorithm").default("https").per_broker().refused("TLS")
        .doc("Host name check for outgoing TLS; empty turns it off."),
    class("ssl.engine.factory.class").per_broker().refused("TLS")
        .doc("Plugin creating TLS engines."),
    password("ssl.key.password").per_broker().refused("TLS")
        .doc("Password of the private key."),
    string("ssl.keymanager.algorithm").default("SunX509").per_broker().refused("TLS")
        .doc("JVM key manager algorithm."),
    password("ssl.keystore.certificate.chain").per_broker().refused("TLS")
        .doc("Certificate chain as PEM text."),
    password("ssl.keystore.key").per_broker().refused("TLS")
        .doc("Private key as PEM text."),
    string("ssl.keystore.location").per_broker().refused("TLS")
        .doc("Key store file."),
    password("ssl.keystore.password").per_broker().refused("TLS")
        .doc("Key store password."),
    string("ssl.keystore.type").default("JKS").per_broker().refused("TLS")
        .doc("Format of the key store (JKS, PKCS12, PEM)."),
    string("ssl.principal.mapping.rules").default("DEFAULT").refused("TLS")
        .doc("Rules shortening a certificate DN to a principal name."),
    string("ssl.protocol").default("TLSv1.3").per_broker().refused("TLS")
        .doc("TLS context protocol."),
    string("ssl.provider").per_broker().refused("TLS")
        .doc("JVM security provider for TLS."),
    string("ssl.secure.random.implementation").per_broker().refused("TLS")
        .doc("JVM random number source for TLS."),
    string("ssl.trustmanager.algorithm").default("PKIX").per_broker().refused("TLS")
        .doc("JVM trust manager algorithm."),
    password("ssl.truststore.certificates").per_broker().refused("TLS")
        .doc("Trusted certificates as PEM text."),
    string("ssl.truststore.location").per_broker().refused("TLS")
        .doc("Trust store file."),
    password("ssl.truststore.password").per_broker().refused("TLS")
        .doc("Trust store password."),
    string("ssl.truststore.type").default("JKS").per_broker().refused("TLS")
        .doc("Format of the trust store."),
];
