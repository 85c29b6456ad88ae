//! The HTTP API.

use super::Template;
use super::node::{Node, arn, list, list_of, map, reference, sub};
use super::stack::Stack;
use crate::config::ApiAuth;

/// The function that answers.
const FUNCTION: &str = "ApiFunction";
/// The routes, as the server has them.
const PATHS: [&str; 4] = ["/images/{key+}", "/downloadimages/{key+}", "/infoimages", "/api/v1/images"];
/// What can be asked of each.
const METHODS: [&str; 2] = ["GET", "HEAD"];

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    let mut properties = map! { "Name" => stack.aws.name.as_str(), "ProtocolType" => "HTTP" };
    if !stack.aws.cors_origins.is_empty() {
        properties.insert(
            "CorsConfiguration",
            map! { "AllowOrigins" => list_of(&stack.aws.cors_origins), "AllowMethods" => list_of(METHODS), "MaxAge" => 300 },
        );
    }
    template.resource("Api", map! { "Type" => "AWS::ApiGatewayV2::Api", "Properties" => properties });
    template.resource("ApiIntegration", integration());
    if stack.aws.api_auth == ApiAuth::Jwt {
        template.resource("ApiAuthorizer", authorizer(stack));
    }
    for (index, path) in PATHS.iter().enumerate() {
        for method in METHODS {
            let name = format!("ApiRoute{}{}", super::names::logical(&method.to_lowercase()), index + 1);
            template.resource(&name, route(stack, &format!("{method} {path}")));
        }
    }
    template.resource("ApiStage", stage(stack));
    template.resource("ApiPermission", permission());
}

pub(super) fn outputs(template: &mut Template) {
    template.output("ApiUrl", "The HTTP API", sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"));
}

fn integration() -> Node {
    map! {
        "Type" => "AWS::ApiGatewayV2::Integration",
        "Properties" => map! {
            "ApiId" => reference("Api"),
            "IntegrationType" => "AWS_PROXY",
            "IntegrationUri" => arn(FUNCTION),
            "PayloadFormatVersion" => "2.0",
        },
    }
}

fn authorizer(stack: &Stack<'_>) -> Node {
    map! {
        "Type" => "AWS::ApiGatewayV2::Authorizer",
        "Properties" => map! {
            "ApiId" => reference("Api"),
            "Name" => "token",
            "AuthorizerType" => "JWT",
            "IdentitySource" => list!["$request.header.Authorization"],
            "JwtConfiguration" => map! {
                "Issuer" => stack.aws.jwt_issuer.as_str(),
                "Audience" => list_of(&stack.aws.jwt_audience),
            },
        },
    }
}

fn route(stack: &Stack<'_>, key: &str) -> Node {
    let mut properties = map! {
        "ApiId" => reference("Api"),
        "RouteKey" => key,
        "AuthorizationType" => match stack.aws.api_auth {
            ApiAuth::Iam => "AWS_IAM",
            ApiAuth::Jwt => "JWT",
            ApiAuth::None => "NONE",
        },
    };
    if stack.aws.api_auth == ApiAuth::Jwt {
        properties.insert("AuthorizerId", reference("ApiAuthorizer"));
    }
    properties.insert("Target", sub("integrations/${ApiIntegration}"));
    map! { "Type" => "AWS::ApiGatewayV2::Route", "Properties" => properties }
}

fn stage(stack: &Stack<'_>) -> Node {
    map! {
        "Type" => "AWS::ApiGatewayV2::Stage",
        "Properties" => map! {
            "ApiId" => reference("Api"),
            "StageName" => "$default",
            "AutoDeploy" => true,
            "DefaultRouteSettings" => map! {
                "ThrottlingRateLimit" => stack.aws.api_rate,
                "ThrottlingBurstLimit" => stack.aws.api_burst,
            },
        },
    }
}

fn permission() -> Node {
    map! {
        "Type" => "AWS::Lambda::Permission",
        "Properties" => map! {
            "Action" => "lambda:InvokeFunction",
            "FunctionName" => reference(FUNCTION),
            "Principal" => "apigateway.amazonaws.com",
            "SourceArn" => sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*"),
        },
    }
}
